// Space in a store of limited size. A blob that would exceed the limit waits a while for eviction. If that fails it is not
// stored, and its readers get it from the fill (decision 0055).
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

/** A stored blob is in the index after this time. */
const recordedWithinMs = 1_000;
const noRoomCode = 'NO_ROOM';

/** Wraps the store for fills. A write waits for space, and rejects with an error of `isNoRoom` if waiting does not help. */
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

  /** Resolves with the function that returns the space. */
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

/** Runs `work`, which stores the bytes that the space was reserved for. */
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

/** Whether a commit failed because the store is full and nothing may be evicted. An immediate retry does not help then. */
export function isNoRoom(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  return (error.detail as { readonly code?: string } | undefined)?.code === noRoomCode;
}
