// Space in a store of limited size. A blob that would exceed the limit waits for eviction to free space. If eviction frees too
// little in time, the blob is not stored, and its readers get it from the fill (decision 0055).
import { stat } from 'node:fs/promises';
import type { BlobStore, BlobUpload } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import { createDiskRoom } from './disk-room.ts';
import { noMinFree } from './min-free.ts';

export interface StoreLimit {
  readonly index: Pick<CacheIndex, 'blobs'>;
  /** Infinity means that there is always space. */
  readonly maxBytes: number;
  /** See `DiskRoomOptions`. */
  readonly want: (bytes: number) => Promise<void>;
}

/** The index counts a stored blob at the latest after this time. Until then its space stays reserved. */
const recordedWithinMs = 1_000;
const noRoomCode = 'NO_ROOM';

/**
 * Wraps the store for fills. A write waits for space. If there is still none, it rejects with an error that `isNoRoom`
 * recognizes.
 */
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

  /** Resolves to the function that gives the space back. */
  async function take(bytes: number, signal = new AbortController().signal): Promise<() => void> {
    try {
      return await room.take(bytes, signal);
    } catch (cause) {
      signal.throwIfAborted();
      const { message } = cause as CacheError;
      throw new CacheError('store-unavailable', message, { cause, detail: { code: noRoomCode } });
    }
  }

  const { adoptFile } = store;
  return {
    ...store,
    ...(adoptFile !== undefined && {
      async adoptFile(digest, path) {
        const { size } = await stat(path);
        await storeIn(await take(size), () => adoptFile(digest, path));
      },
    }),
    async put(digest, body, signal) {
      await storeIn(await take(body.length, signal), () => store.put(digest, body, signal));
    },
    async beginUpload(digest, options) {
      const giveBack = await take(options.size);
      try {
        return limitUpload(await store.beginUpload(digest, options), giveBack);
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}

/** Runs `work`, which stores the bytes for which the space was reserved. Then gives the space back. */
async function storeIn(giveBack: () => void, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    giveBack();
    throw error;
  }
  setTimeout(giveBack, recordedWithinMs).unref();
}

function limitUpload(upload: BlobUpload, giveBack: () => void): BlobUpload {
  let isHeld = true;
  function release(afterMs: number): void {
    if (isHeld) setTimeout(giveBack, afterMs).unref();
    isHeld = false;
  }
  return {
    ...upload,
    async complete() {
      await upload.complete();
      release(recordedWithinMs);
    },
    async abort() {
      await upload.abort().finally(() => release(0));
    },
    async leave() {
      await upload.leave().finally(() => release(0));
    },
  };
}

/**
 * Returns whether a write failed because the store is full and eviction could not free enough space. An immediate retry does
 * not help in that case.
 */
export function isNoRoom(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  return (error.detail as { readonly code?: string } | undefined)?.code === noRoomCode;
}
