// Room in a store of limited size. A blob that would take the store above its limit waits a while for eviction. Then it is not stored:
// its readers have it from the fill (decision 0055).
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';

export interface StoreRoomOptions {
  readonly index: Pick<CacheIndex, 'blobs'>;
  /** Infinity: there is always room. */
  readonly maxBytes: number;
  /** Has eviction make room for so many bytes; called again while a commit waits, and with 0 at the end. */
  readonly want: (bytes: number) => Promise<void>;
}

type StoreRoom = ReturnType<typeof createStoreRoom>;

/** Twice as long as a pull keeps a blob from eviction while room is short. */
const maxWaitMs = 10_000;
const lookEveryMs = 200;
/** What was taken is in the index by then. */
const recordedWithinMs = 1_000;
/** After a wait in vain nobody waits, unless the store has got smaller since. */
const giveUpForMs = 60_000;
const noRoomCode = 'NO_ROOM';

export function createStoreRoom({ index, maxBytes, want }: StoreRoomOptions) {
  const taken: { readonly bytes: number; readonly atMs: number }[] = [];
  let known = { bytes: 0, atMs: -Infinity };
  let waitingBytes = 0;
  /** When the store was last seen to hold less than before. */
  let shrankAtMs = -Infinity;
  let gaveUpAtMs = -Infinity;

  async function total(): Promise<number> {
    const nowMs = performance.now();
    if (nowMs - known.atMs >= lookEveryMs) {
      const { bytes } = await index.blobs.totals();
      if (bytes < known.bytes) shrankAtMs = nowMs;
      known = { bytes, atMs: nowMs };
    }
    while (taken[0] !== undefined && nowMs - taken[0].atMs > recordedWithinMs) taken.shift();
    return known.bytes + taken.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async function hasRoomFor(bytes: number): Promise<boolean> {
    try {
      return (await total()) + bytes <= maxBytes;
    } catch (error) {
      // What is in the store is not known then, and the bytes are here.
      if (!isCacheError(error, 'index-unavailable')) throw error;
      return true;
    }
  }

  async function untilRoom(bytes: number): Promise<void> {
    if (await hasRoomFor(bytes)) return;
    if (bytes > maxBytes) throw noRoom(bytes);
    const sinceMs = performance.now();
    waitingBytes += bytes;
    try {
      do {
        const nowMs = performance.now();
        const isVain = gaveUpAtMs > shrankAtMs && nowMs - gaveUpAtMs < giveUpForMs;
        if (isVain || nowMs - sinceMs >= maxWaitMs) {
          if (!isVain && shrankAtMs < sinceMs) gaveUpAtMs = nowMs;
          throw noRoom(bytes);
        }
        await want(waitingBytes).catch(() => {});
        await delay(lookEveryMs);
      } while (!(await hasRoomFor(bytes)));
    } finally {
      waitingBytes -= bytes;
      if (waitingBytes === 0) await want(0).catch(() => {});
    }
  }

  return {
    /** Takes room for `bytes` as soon as there is some. Rejects with an error of `isNoRoom` when waiting is of no use. */
    async take(bytes: number): Promise<void> {
      if (maxBytes === Infinity) return;
      await untilRoom(bytes);
      taken.push({ bytes, atMs: performance.now() });
    },
  };
}

function noRoom(bytes: number): CacheError {
  return new CacheError(
    'store-unavailable',
    `The store has no room for ${bytes} bytes within storage.maxbytes, and not enough may be evicted.`,
    { detail: { code: noRoomCode } },
  );
}

/** Whether a commit failed because the store is full of what may not be evicted: trying again at once is of no use. */
export function isNoRoom(error: unknown): boolean {
  if (!isCacheError(error, 'store-unavailable')) return false;
  return (error.detail as { readonly code?: string } | undefined)?.code === noRoomCode;
}

/** As fills see the store: what they put there waits for room. */
export function storeWithRoom(store: BlobStore, room: StoreRoom): BlobStore {
  const { adoptFile } = store;
  return {
    ...store,
    ...(adoptFile !== undefined && {
      async adoptFile(digest, path) {
        await room.take((await stat(path)).size);
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
          await room.take(bytes).catch(async (error: unknown) => {
            await writer.abort();
            throw error;
          });
          return writer.commit();
        },
      };
    },
  };
}
