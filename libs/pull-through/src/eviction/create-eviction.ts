// Keeps the store within its limits, a step at a time. A victim is marked before it has to go, and whoever pulls or reads it
// meanwhile saves it; then it is deleted, its bytes counted until it is gone.
import type { BlobStore } from '@cistern/blob-store';
import type { BlobRecord, CacheIndex } from '@cistern/cache-index';
import type { Digest } from '@cistern/oci';
import type { Logger, Metrics } from '@cistern/telemetry';
import { forEachBounded } from '../for-each-bounded.ts';
import { chooseVictims } from './choose-victims.ts';
import { createPinnedDigests } from './create-pinned-digests.ts';
import { deleteBlob } from './delete-blob.ts';
import type { EvictionLimits } from './eviction-limits.ts';

export interface EvictionDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly limits: EvictionLimits;
  readonly spareMs: number;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'storeBytes' | 'evictions' | 'evictedBytes'>;
  readonly now: () => number;
}

export interface Eviction {
  /**
   * Marks what would have to go, and deletes what has to. Does nothing while the index is not complete. Rejects with
   * `index-unavailable`, `store-unavailable` or the signal's reason; the next step goes on.
   */
  step(signal: AbortSignal): Promise<void>;
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

export function createEviction(deps: EvictionDeps): Eviction {
  const { index, limits, log, metrics, now } = deps;
  const readPinned = createPinnedDigests(deps);
  let pinned: ReadonlySet<Digest> = new Set();
  /** In the order in which they were marked. */
  const marked = new Map<Digest, Marked>();
  let markedBytes = 0;
  let victims: AsyncGenerator<BlobRecord> | undefined;
  let searchedAtMs = -Infinity;
  let isMakingRoom = false;

  function unmark(digest: Digest): void {
    markedBytes -= marked.get(digest)?.size ?? 0;
    marked.delete(digest);
  }

  async function nextVictim(): Promise<BlobRecord | undefined> {
    if (now() - searchedAtMs >= searchAgainMs) {
      searchedAtMs = now();
      victims = chooseVictims(deps, () => pinned);
    }
    const { value, done } = (await victims?.next()) ?? { done: true };
    if (done !== true) return value;
    if (victims !== undefined && isMakingRoom && marked.size === 0)
      log.warn({ pinned: pinned.size }, 'the store holds more than it should, and nothing in it may go');
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
    const isDeleted = await deleteBlob(deps, digest);
    unmark(digest);
    if (!isDeleted) return 0;
    metrics.evictions.inc({ reason: 'space' });
    metrics.evictedBytes.inc({ reason: 'space' }, size);
    return size;
  }

  async function makeRoom(bytes: number, signal: AbortSignal): Promise<void> {
    let [removed, blobs] = [0, 0];
    try {
      while (removed < bytes) {
        pinned = await readPinned();
        const batch = await takeDue(bytes - removed);
        if (batch.flat().length === 0) return;
        for (const digests of batch)
          await forEachBounded(digests, { atOnce: deletionsAtOnce, signal }, async (digest) => {
            const size = await remove(digest);
            removed += size;
            if (size > 0) blobs += 1;
          });
      }
    } finally {
      if (blobs > 0)
        log.info({ blobs, bytes: removed }, 'the store was full: what nobody had pulled for longest is gone');
    }
  }

  return {
    async step(signal) {
      if (!(await index.epoch.isComplete())) return;
      const { bytes } = await index.blobs.totals();
      metrics.storeBytes.set(bytes);
      const excess = bytes - limits.lowBytes;
      if (excess <= 0) {
        isMakingRoom = false;
        return;
      }
      if (markedBytes < excess) {
        pinned = await readPinned();
        await mark(excess, signal);
      }
      isMakingRoom ||= bytes > limits.highBytes;
      if (isMakingRoom) await makeRoom(excess, signal);
    },
  };
}
