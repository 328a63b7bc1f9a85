// Starts a test cluster with one blob in its store that is about to be evicted.
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createDeleter } from '../eviction/create-deleter.ts';
import { createEviction } from '../eviction/create-eviction.ts';
import { rebuildIndex } from '../rebuild/rebuild-index.ts';
import {
  type SkippedClock,
  createSkippedClock,
  createSimulatedProcess,
  throughProcess,
  library,
  startTestCluster,
} from '@cistern/pull-through/testing';
import { inUseMs, recount } from './start-full-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

interface RacingIndex {
  readonly index: CacheIndex;
  /** The index as another process sees it: the same object, or one with its own connection. */
  readonly ofEvictor: CacheIndex;
  /** True if the index has its own clock, which a test cannot change. */
  readonly hasOwnClock?: boolean;
  close(): Promise<void>;
}

/** Opens an empty index. */
export type OpenRacingIndex = (t: TestContext, clock: SkippedClock) => Promise<RacingIndex>;

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const { signal } = new AbortController();

export async function startEvictionRace(t: TestContext, open: OpenRacingIndex) {
  const clock = createSkippedClock();
  const { index, ofEvictor, hasOwnClock = false, close } = await open(t, clock);
  await index.epoch.markComplete(await index.epoch.current());
  const cluster = await startTestCluster(t, { over: { index, clock } });
  t.after(close);
  const { hub, store, shared, frontends, workers, stored } = cluster;
  const removed: Digest[] = [];

  const pull = async (frontend: number, digest: Digest) => {
    const blob = await frontends[frontend]!.cache.openBlob({ ...library, digest, intent: 'whole' });
    return collect(await blob.read());
  };

  const startEvictor = () => {
    const process = createSimulatedProcess('evictor');
    t.after(() => process.end());
    const parts = {
      index: throughProcess(ofEvictor, process),
      store: throughProcess(
        {
          ...store,
          async removeAll(digests: readonly Digest[]) {
            removed.push(...digests);
            return store.removeAll(digests);
          },
        },
        process,
        'store',
      ),
      spareMs: 0,
      log,
      metrics: createMetrics(),
      now: shared.now,
    };
    const eviction = createEviction({
      ...parts,
      deleter: createDeleter(parts),
      readLimits: async () => ({ mostBytes: 0, highBytes: 0, lowBytes: 0 }),
    });
    return { process, step: () => eviction.step(signal) };
  };

  /**
   * Lets the evictor delete the blobs, whose pulls are long ago, and stops it at `step`. A late report of a pull can
   * prevent the deletion; the evictor then tries again. The caller need not await `evicting`.
   */
  const holdDeletion = async (evictor: ReturnType<typeof startEvictor>, step: string) => {
    const { reached, release } = evictor.process.hold(step);
    for (;;) {
      shared.advance(inUseMs);
      const evicting = evictor.step();
      evicting.catch(() => {});
      const isHeld = await Promise.race([reached.then(() => true), evicting.then(() => false)]);
      if (isHeld) return { evicting, release };
    }
  };

  let seed = 0;
  return {
    ...cluster,
    startEvictor,
    holdDeletion,
    startRebuild() {
      const process = createSimulatedProcess('rebuild');
      t.after(() => process.end());
      const throughIt = { index: throughProcess(index, process), store: throughProcess(store, process, 'store') };
      return { process, rebuild: () => rebuildIndex({ ...throughIt, log, now: shared.now }) };
    },
    /** Advances the time, also that of the index. */
    async pass(ms: number) {
      shared.advance(ms);
      if (hasOwnClock) await delay(ms + 5);
    },
    /** Stores the only blob. Its pull is so long ago that the next step of an evictor deletes it. */
    async startFull() {
      seed += 1;
      for (const stale of stored.blobs.keys()) await index.blobs.remove(stale);
      stored.blobs.clear();
      const bytes = bytesOf(600_000, seed);
      const digest = hub.addBlob(library.repository, bytes);
      await pull(0, digest);
      await until(async () => (await index.blobs.get(digest)) !== undefined);
      await until(() => workers.every(({ fills }) => fills.size === 0));
      // All nodes know of the pull a second later.
      if (hasOwnClock) await delay(1_500);
      const evictor = startEvictor();
      shared.advance(inUseMs);
      return {
        bytes,
        digest,
        evictor,
        pull: (frontend: number) => pull(frontend, digest),
        gets: () => hub.gets.filter((get) => get.digest === digest).length,
        removals: () => removed.filter((other) => other === digest).length,
      };
    },
    /** Waits for work under way. Asserts that the index lists exactly the stored blobs. */
    async assertExact() {
      await until(() => workers.every(({ fills }) => fills.size === 0));
      await until(async () => {
        const { counted, totals, strangers } = await recount(index, store);
        return strangers.length === 0 && totals.blobs === counted.blobs && totals.bytes === counted.bytes;
      });
    },
  };
}
