// Room in a store of limited size. A blob that would take the store above its limit waits a while for eviction. Then it is not stored:
// its readers have it from the fill (decision 0055).
import { stat } from 'node:fs/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import { createDiskRoom } from './disk-room.ts';
import { noMinFree } from './min-free.ts';

export interface StoreLimit {
  readonly index: Pick<CacheIndex, 'blobs'>;
  /** Infinity: there is always room. */
  readonly maxBytes: number;
  /** As of `DiskRoomOptions`. */
  readonly want: (bytes: number) => Promise<void>;
}

/** What was stored is in the index by then. */
const recordedWithinMs = 1_000;
const noRoomCode = 'NO_ROOM';

/** As fills see the store: what they put there waits for room, and rejects with an error of `isNoRoom` when waiting is of no use. */
export function limitStore(store: BlobStore, { index, maxBytes, want }: StoreLimit): BlobStore {
  if (maxBytes === Infinity) return store;
  const heldBytes = async () => (await index.blobs.totals()).bytes;
  const room = createDiskRoom({
    name: 'The store (storage.maxbytes)',
    space: async () => ({ freeBytes: maxBytes - (await heldBytes()), totalBytes: maxBytes }),
    minFree: noMinFree,
    heldBytes,
    want,
  }).open(() => 0);

  async function take(bytes: number): Promise<void> {
    try {
      setTimeout(await room.take(bytes, new AbortController().signal), recordedWithinMs).unref();
    } catch (cause) {
      const { message } = cause as CacheError;
      throw new CacheError('store-unavailable', message, { cause, detail: { code: noRoomCode } });
    }
  }

  const { adoptFile } = store;
  return {
    ...store,
    ...(adoptFile !== undefined && {
      async adoptFile(digest, path) {
        await take((await stat(path)).size);
        return adoptFile(digest, path);
      },
    }),
    async begin(digest) {
      const writer = await store.begin(digest);
      let bytes = 0;
      return {
        ...writer,
        async append(chunk) {
          bytes += chunk.byteLength;
          return writer.append(chunk);
        },
        async commit() {
          await take(bytes).catch(async (error: unknown) => {
            await writer.abort();
            throw error;
          });
          return writer.commit();
        },
      };
    },
  };
}

/** Whether a commit failed because the store is full of what may not be evicted: trying again at once is of no use. */
export function isNoRoom(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  return (error.detail as { readonly code?: string } | undefined)?.code === noRoomCode;
}
