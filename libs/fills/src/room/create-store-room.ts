// Holds back what is about to be stored while the store is full to the brim: eviction makes room, but only of what nobody has
// read for some seconds. Who waits for the bytes reads them from the fill meanwhile.
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';

export interface StoreRoomOptions {
  readonly index: Pick<CacheIndex, 'blobs'>;
  /** Infinity: there is always room. */
  readonly maxBytes: number;
  /**
   * Since anything went. Default ten seconds; then it is stored all the same, for it may be that nothing in the store may go.
   */
  readonly maxWaitMs?: number;
}

type StoreRoom = ReturnType<typeof createStoreRoom>;

const defaultMaxWaitMs = 10_000;
/** However much goes: who waits holds a place among the fetches, which others wait for. */
const mostWaitMs = 30_000;
const lookEveryMs = 200;
/** What was taken is in the index by then. */
const recordedWithinMs = 1_000;
/** After a wait that was of no use nobody waits, unless something goes after all. */
const giveUpForMs = 60_000;

export function createStoreRoom({ index, maxBytes, maxWaitMs = defaultMaxWaitMs }: StoreRoomOptions) {
  const taken: { readonly bytes: number; readonly atMs: number }[] = [];
  let known = { bytes: 0, atMs: -Infinity };
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

  async function untilRoom(bytes: number): Promise<void> {
    const sinceMs = performance.now();
    while ((await total()) + bytes > maxBytes) {
      const nowMs = performance.now();
      if (gaveUpAtMs > shrankAtMs && nowMs - gaveUpAtMs < giveUpForMs) return;
      if (nowMs - sinceMs >= mostWaitMs) return;
      if (nowMs - Math.max(sinceMs, shrankAtMs) >= maxWaitMs) gaveUpAtMs = nowMs;
      else await delay(lookEveryMs);
    }
  }

  return {
    /** Resolves when there is room for `bytes`, which are taken then, or when waiting is of no use. Never rejects. */
    async take(bytes: number): Promise<void> {
      if (maxBytes === Infinity) return;
      try {
        await untilRoom(bytes);
      } catch (error) {
        // What is in the store is not known then, and the bytes are here.
        if (!isCacheError(error, 'index-unavailable')) throw error;
      }
      taken.push({ bytes, atMs: performance.now() });
    },
  };
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
          await room.take(bytes);
          return writer.commit();
        },
      };
    },
  };
}
