// Keeps the store within its limits and evicts blobs past their maximum age. Every worker runs both loops, and leases
// choose one worker for each. The age search has its own loop because it may take long.
import type { Metrics } from '@cistern/telemetry';
import { startLoop } from '@cistern/index';
import { createDeleter, type DeleterDeps } from './create-deleter.ts';
import { type EvictionDeps, createEviction } from './create-eviction.ts';
import { type AgingDeps, removeAged } from './remove-aged.ts';

export type EvictorDeps = Omit<EvictionDeps & AgingDeps, 'deleter' | 'metrics'> & {
  readonly metrics: DeleterDeps['metrics'] & Pick<Metrics, 'storeBytes' | 'storeFreeBytes' | 'storeMinFreeBytes'>;
};

const stepEveryMs = 1_000;
/**
 * Interval after a step that removed bytes, or while a fetch waits for space. Data can arrive so fast that the store
 * would overflow within a second.
 */
const hurriedStepMs = 200;
const ageEveryMs = 3_600_000;

export interface Evictor {
  /** Starts to evict by age if an upstream has a limit now. */
  update(): void;
  close(): Promise<void>;
}

export function startEvictor(given: EvictorDeps): Evictor {
  const { storeBytes, storeFreeBytes, storeMinFreeBytes } = given.metrics;
  const eviction = createEviction({ ...given, deleter: createDeleter(given) });
  const loops = [
    startLoop(given, {
      name: 'eviction',
      leaseMs: 6_000,
      retryMs: 2_000,
      step: async (signal) => ((await eviction.step(signal)) ? hurriedStepMs : stepEveryMs),
      onRest() {
        for (const gauge of [storeBytes, storeFreeBytes, storeMinFreeBytes]) gauge.set(Number.NaN);
      },
    }),
  ];
  let isAging = false;
  function startAging(): void {
    if (isAging || given.ageLimits().size === 0) return;
    isAging = true;
    // The age search needs its own deleter, because both loops may run at the same time.
    const deps = { ...given, deleter: createDeleter(given) };
    const step = async (signal: AbortSignal) => {
      await removeAged(deps, signal);
      return ageEveryMs;
    };
    loops.push(startLoop(given, { name: 'aging', leaseMs: 30_000, retryMs: 60_000, step }));
  }
  startAging();
  return {
    update: startAging,
    close: async () => void (await Promise.all(loops.map((loop) => loop.close()))),
  };
}
