// Keeps the store within its limits, one step at a time. A step deletes the least recently pulled blobs in batches. The
// size of the store includes a blob until its bytes are removed (decision 0055).
import type { BlobRecord } from '@cistern/index';
import type { Logger, Metrics } from '@cistern/telemetry';
import { type ChooseVictimsDeps, chooseVictims } from './choose-victims.ts';
import type { Deleter } from './create-deleter.ts';
import { type EvictionLimits, type ReadLimits, readWantedRoom } from './eviction-limits.ts';

export interface EvictionDeps extends ChooseVictimsDeps {
  /** Remembers interrupted deletions, so that a later step can complete them. */
  readonly deleter: Deleter;
  readonly readLimits: ReadLimits;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'storeBytes' | 'storeFreeBytes' | 'storeMinFreeBytes'>;
}

const batchSize = 1_000;
/** Largest number of victims that are examined to estimate whether eviction can free enough space. */
const maxExamined = 20_000;
const searchAgainMs = 1_000;
const logEveryMs = 10_000;
const warnEveryMs = 30_000;

export function createEviction(deps: EvictionDeps) {
  const { index, deleter, readLimits, log, metrics, now } = deps;
  const { isSpared } = deleter;
  let isMakingRoom = false;
  let warnedAtMs = -Infinity;
  let foundTooFewAtMs = -Infinity;
  const removed = { blobs: 0, bytes: 0, loggedAtMs: -Infinity };

  /**
   * Estimates whether eviction can free `bytes`. Also returns true if `maxExamined` victims are not enough, because
   * more victims may follow. The estimate prevents evictions for a waiting fetch that would not fit even afterwards.
   */
  async function mayFree(bytes: number): Promise<boolean> {
    if (bytes <= 0) return true;
    if (now() - foundTooFewAtMs < searchAgainMs) return false;
    await deleter.readPins();
    let [found, examined] = [0, 0];
    for await (const { size } of chooseVictims(deps, { isSpared, isShort: () => true })) {
      found += size;
      examined += 1;
      if (found >= bytes || examined === maxExamined) return true;
    }
    foundTooFewAtMs = now();
    return false;
  }

  async function aim(bytes: number, wanted: number): Promise<EvictionLimits> {
    const limits = await readLimits(bytes, wanted);
    return wanted === 0 || (await mayFree(bytes - limits.mostBytes)) ? limits : readLimits(bytes, 0);
  }

  async function makeRoom(
    bytes: number,
    { highBytes, lowBytes }: EvictionLimits,
    signal: AbortSignal,
  ): Promise<number> {
    let left = bytes;
    let planned = 0;
    const victims = chooseVictims(deps, { isSpared, isShort: () => left - planned > highBytes });
    for (;;) {
      signal.throwIfAborted();
      const batch: BlobRecord[] = [];
      for (planned = 0; batch.length < batchSize && left - planned > lowBytes; planned += batch.at(-1)!.size) {
        const { value, done } = await victims.next();
        if (done === true) break;
        batch.push(value);
      }
      if (batch.length === 0) break;
      const gone = await deleter.remove(batch, 'space');
      left -= gone.bytes;
      removed.blobs += gone.blobs;
      removed.bytes += gone.bytes;
      // Another worker may be deleting the same blobs, so the next step reads the new total.
      if (gone.blobs < batch.length) break;
    }
    return left;
  }

  /** Logs at most every ten seconds, because a full store needs evictions all the time. */
  function logRemoved(): void {
    const { blobs, bytes, loggedAtMs } = removed;
    if (blobs === 0 || now() - loggedAtMs < logEveryMs) return;
    log.info({ blobs, bytes }, 'evicted least recently pulled blobs');
    Object.assign(removed, { blobs: 0, bytes: 0, loggedAtMs: now() });
  }

  return {
    /**
     * Deletes victims until the store is within its limits. Does nothing while the index is not complete. Resolves to
     * true if the next step should come soon: this step removed bytes, or a fetch waits for space. Rejects with
     * `index-unavailable`, `store-unavailable` or the signal's reason; the next step continues.
     */
    async step(signal: AbortSignal): Promise<boolean> {
      if (!(await index.epoch.isComplete())) return false;
      await deleter.finish();
      const { bytes } = await index.blobs.totals();
      const wanted = await readWantedRoom(index);
      const limits = await aim(bytes, wanted);
      metrics.storeBytes.set(bytes);
      metrics.storeFreeBytes.set(limits.disk?.freeBytes ?? Number.NaN);
      metrics.storeMinFreeBytes.set(limits.disk?.minFreeBytes ?? Number.NaN);
      const { highBytes, lowBytes } = limits;
      isMakingRoom = bytes > lowBytes && (isMakingRoom || bytes > highBytes);
      if (!isMakingRoom) return wanted > 0;
      const pinned = await deleter.readPins();
      try {
        const left = await makeRoom(bytes, limits, signal);
        if (left > highBytes && now() - warnedAtMs >= warnEveryMs) {
          warnedAtMs = now();
          log.warn({ pinned, bytes: left }, 'store above limit, nothing more can be evicted');
        }
        return wanted > 0 || left < bytes;
      } finally {
        logRemoved();
      }
    },
  };
}
