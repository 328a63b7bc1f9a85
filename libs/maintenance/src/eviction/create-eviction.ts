// Keeps the store within its limits, a step at a time. A victim is marked before it has to go, and whoever pulls or reads it
// meanwhile saves it; then it is deleted, its bytes counted until it is gone (decision 0032).
import type { IndexAndStore } from '@cistern/content';
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { Logger, Metrics } from '@cistern/telemetry';
import { forEachBounded } from '@cistern/runtime';
import { chooseVictims } from './choose-victims.ts';
import { createPinnedDigests } from './create-pinned-digests.ts';
import type { Deleter } from './create-deleter.ts';
import { type ReadLimits, readWantedRoom } from './eviction-limits.ts';

export interface EvictionDeps extends IndexAndStore {
  /** Outlives it: the next one ends what this one could not. */
  readonly deleter: Deleter;
  readonly readLimits: ReadLimits;
  readonly spareMs: number;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'storeBytes' | 'storeFreeBytes' | 'storeMinFreeBytes' | 'evictions' | 'evictedBytes'>;
  readonly now: () => number;
}

interface Marked {
  readonly size: number;
  readonly atMs: number;
}

/** Whoever reads says so each second, and it is known a second later. */
const graceMs = 5_000;
const marksAtOnce = 2_000;
const deletionsAtOnce = 8;
const batchSize = 64;
/** How long a search for victims holds: who was pulled since is passed over, who was forgotten since is not seen. */
const searchAgainMs = 30_000;
/** One that has come to its end does not know what has been stored since. */
const searchEndedMs = 1_000;
/** Some of those that are marked will be pulled. */
const markAhead = 2;
const logEveryMs = 10_000;
/** Of what lies between the watermarks, arriving within a grace. */
const hurryShare = 0.1;

export function createEviction(deps: EvictionDeps) {
  const { index, deleter, readLimits, log, metrics, now } = deps;
  const readPinned = createPinnedDigests(deps);
  let pinned: ReadonlySet<Digest> = new Set();
  /** In the order in which they were marked. */
  const marked = new Map<Digest, Marked>();
  let markedBytes = 0;
  let victims: AsyncGenerator<BlobRecord> | undefined;
  let searchedAtMs = -Infinity;
  let warnedAtMs = -Infinity;
  let isMakingRoom = false;
  const arrivals = createArrivals(graceMs, now);
  const removed = { blobs: 0, bytes: 0, loggedAtMs: -Infinity };

  function unmark(digest: Digest): void {
    markedBytes -= marked.get(digest)?.size ?? 0;
    marked.delete(digest);
  }

  async function nextVictim(): Promise<BlobRecord | undefined> {
    if (now() - searchedAtMs >= (victims === undefined ? searchEndedMs : searchAgainMs)) {
      searchedAtMs = now();
      victims = chooseVictims(deps, () => pinned);
    }
    const { value, done } = (await victims?.next()) ?? { done: true };
    if (done !== true) return value;
    if (victims !== undefined && isMakingRoom && marked.size === 0 && now() - warnedAtMs >= searchAgainMs) {
      warnedAtMs = now();
      log.warn({ pinned: pinned.size }, 'the store holds more than it should, and nothing in it may go');
    }
    victims = undefined;
    return undefined;
  }

  async function mark(bytes: number, signal: AbortSignal): Promise<void> {
    for (let marks = 0; markedBytes < bytes && marks < marksAtOnce; marks += 1) {
      signal.throwIfAborted();
      const victim = await nextVictim();
      if (victim === undefined) return;
      const { digest, size, lastPulledAtMs } = victim;
      if (marked.has(digest) || !(await index.blobs.markEvicting(digest, lastPulledAtMs))) continue;
      marked.set(digest, { size, atMs: now() });
      markedBytes += size;
    }
  }

  /** Those whose grace is over, up to so many bytes; manifests first, so that none is here without its blobs. */
  async function takeDue(bytes: number): Promise<Digest[][]> {
    const manifests: Digest[] = [];
    const blobs: Digest[] = [];
    let taken = 0;
    for (const [digest, { size, atMs }] of marked) {
      if (now() - atMs < graceMs || taken >= bytes || manifests.length + blobs.length === batchSize) break;
      if (pinned.has(digest)) {
        unmark(digest);
        continue;
      }
      const isManifest = (await index.manifests.get(digest)) !== undefined;
      (isManifest ? manifests : blobs).push(digest);
      taken += size;
    }
    return [manifests, blobs];
  }

  async function remove(digest: Digest): Promise<number> {
    const { size = 0 } = marked.get(digest) ?? {};
    unmark(digest);
    const isDeleted = await deleter.remove(digest);
    if (!isDeleted) return 0;
    metrics.evictions.inc({ reason: 'space' });
    metrics.evictedBytes.inc({ reason: 'space' }, size);
    return size;
  }

  async function makeRoom(bytes: number, signal: AbortSignal): Promise<void> {
    const downTo = removed.bytes + bytes;
    while (removed.bytes < downTo) {
      pinned = await readPinned();
      const batch = await takeDue(downTo - removed.bytes);
      if (batch.flat().length === 0) return;
      for (const digests of batch)
        await forEachBounded(digests, { atOnce: deletionsAtOnce, signal }, async (digest) => {
          const size = await remove(digest);
          arrivals.noteRemoved(size);
          removed.bytes += size;
          if (size > 0) removed.blobs += 1;
        });
    }
  }

  /** Now and then, for a store that is full is so for long. */
  function logRemoved(): void {
    const { blobs, bytes, loggedAtMs } = removed;
    if (blobs === 0 || now() - loggedAtMs < logEveryMs) return;
    log.info({ blobs, bytes }, 'the store was full: what nobody had pulled for longest is gone');
    Object.assign(removed, { blobs: 0, bytes: 0, loggedAtMs: now() });
  }

  return {
    /**
     * Marks what would have to go, and deletes what has to. Does nothing while the index is not complete. Resolves to whether the
     * next step should come soon: so much arrives, or somebody waits for room. Rejects with `index-unavailable`,
     * `store-unavailable` or the signal's reason; the next step goes on.
     */
    async step(signal: AbortSignal): Promise<boolean> {
      if (!(await index.epoch.isComplete())) return false;
      await deleter.finish();
      const { bytes } = await index.blobs.totals();
      const wanted = await readWantedRoom(index);
      const limits = await readLimits(bytes, wanted);
      metrics.storeBytes.set(bytes);
      metrics.storeFreeBytes.set(limits.disk?.freeBytes ?? Number.NaN);
      metrics.storeMinFreeBytes.set(limits.disk?.minFreeBytes ?? Number.NaN);
      arrivals.note(bytes);
      const excess = bytes - limits.lowBytes;
      // What arrives within a grace is to find victims whose grace is over.
      const toMark = excess + arrivals.lately() * markAhead;
      if (markedBytes < toMark) {
        pinned = await readPinned();
        await mark(toMark, signal);
      }
      // For whoever waits nothing goes before it is known that enough may go.
      const isOfUse = markedBytes >= bytes - limits.mostBytes;
      const { highBytes, lowBytes } = wanted === 0 || isOfUse ? limits : await readLimits(bytes, 0);
      isMakingRoom = bytes > lowBytes && (isMakingRoom || bytes > highBytes);
      try {
        if (isMakingRoom) await makeRoom(bytes - lowBytes, signal);
      } finally {
        logRemoved();
      }
      if (wanted > 0) return true;
      return toMark > 0 && arrivals.lately() > (highBytes - lowBytes) * hurryShare;
    },
  };
}

/** How much has come into the store lately, from what it holds and what was removed from it. */
function createArrivals(withinMs: number, now: () => number) {
  const noted: { readonly atMs: number; readonly bytes: number }[] = [];
  let before: number | undefined;
  let removed = 0;
  return {
    /** The store holds so many bytes now. */
    note(bytes: number): void {
      const arrived = Math.max(0, bytes - (before ?? bytes) + removed);
      before = bytes;
      removed = 0;
      noted.push({ atMs: now(), bytes: arrived });
    },
    noteRemoved(bytes: number): void {
      removed += bytes;
    },
    /** Bytes, within the last `withinMs`. */
    lately(): number {
      while (noted[0] !== undefined && now() - noted[0].atMs > withinMs) noted.shift();
      return noted.reduce((sum, { bytes }) => sum + bytes, 0);
    },
  };
}
