// A store that lists numbered blobs and has no bytes. So an index of any size can be rebuilt without a bucket.
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { blobOf, numbersOfShard } from './sample-entries.ts';

export interface ListedStore extends BlobStore {
  /** The number of blobs that were removed. */
  readonly removed: number;
}

/** All blobs have the same size, so that the number of evicted blobs is known. */
export const listedBlobBytes = 30_000_000;

/** Lists `entries` blobs, each in the shard of its digest. Removed blobs stay listed. */
export function createListedStore(entries: number): ListedStore {
  let removed = 0;
  return {
    ...createMemoryStore(),
    get removed() {
      return removed;
    },
    stat: async () => ({ size: listedBlobBytes }),
    async *list(shard = '00') {
      for (const number of numbersOfShard(shard, entries)) {
        const { digest, storedAtMs } = blobOf(number);
        yield { digest, size: listedBlobBytes, modifiedAtMs: storedAtMs };
      }
    },
    async removeAll(digests) {
      removed += digests.length;
      return new Map();
    },
  };
}
