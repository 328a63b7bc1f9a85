// What is known of a blob in the store. The index answers; where it knows nothing the store is asked, and what it holds
// is adopted: unverified until somebody has read it whole.
import type { BlobStore } from '@cistern/blob-store';
import type { BlobRecord, CacheIndex } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';

export interface StoredBlobDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly now: () => number;
}

export async function findStoredBlob(
  { index, store, now }: StoredBlobDeps,
  digest: Digest,
): Promise<BlobRecord | undefined> {
  const known = await index.blobs.get(digest);
  if (known !== undefined) return known;
  const stat = await store.stat(digest);
  if (stat === undefined) return undefined;
  if (isEmptied(digest, stat.size)) {
    await store.remove(digest);
    return undefined;
  }
  const nowMs = now();
  const record: BlobRecord = {
    schema: 1,
    digest,
    size: stat.size,
    state: 'present',
    verified: false,
    storedAtMs: nowMs,
    lastPulledAtMs: nowMs,
  };
  if (await index.blobs.adopt(record)) return record;
  // A fill, or another reader, was first and knows more.
  return (await index.blobs.get(digest, { fresh: true })) ?? record;
}

/**
 * A size of zero under any digest but that of nothing: other caches leave such files (distribution#2367), and a body of
 * zero bytes has no end to withhold. Throws `content-mismatch`.
 */
export function assertNotEmptied(digest: Digest, size: number): void {
  if (isEmptied(digest, size))
    throw new CacheError('content-mismatch', `${digest} is said to have no bytes, which its digest denies.`, {
      retryable: true,
    });
}

function isEmptied(digest: Digest, size: number): boolean {
  return size === 0 && digestOf(Buffer.alloc(0), digestAlgorithm(digest)) !== digest;
}
