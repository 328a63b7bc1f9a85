// Room in a store of limited size. A blob that would take the store above its limit waits a while for eviction. Then it is not stored:
// its readers have it from the fill (decision 0055).
import { stat } from 'node:fs/promises';
import type { BlobStore, BlobUpload } from '@cistern/blob-store';
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

  /** Resolves with the function that gives the room back. */
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

/** `work` stores as many bytes, for which room was taken. */
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

/** Whether a commit failed because the store is full of what may not be evicted: trying again at once is of no use. */
export function isNoRoom(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  return (error.detail as { readonly code?: string } | undefined)?.code === noRoomCode;
}
