// Keeps the store within its limits, always, and removes what is too old. Every worker has both loops; of all of them one evicts, and
// one looks for what is too old, which may take long.
import { setTimeout as delay } from 'node:timers/promises';
import { withLease } from '@cistern/index';
import type { Metrics } from '@cistern/telemetry';
import { runUntilClosed } from '../run-until-closed.ts';
import { createDeleter, type DeleterDeps } from './create-deleter.ts';
import { type EvictionDeps, createEviction } from './create-eviction.ts';
import { type AgingDeps, removeAged } from './remove-aged.ts';

export type EvictorDeps = Omit<EvictionDeps & AgingDeps, 'deleter' | 'metrics'> & {
  readonly metrics: DeleterDeps['metrics'] & Pick<Metrics, 'storeBytes' | 'storeFreeBytes' | 'storeMinFreeBytes'>;
};

const stepEveryMs = 1_000;
/** While so much arrives that a store would be too full in a second, or a fetch waits for room. */
const hurriedStepMs = 200;
const ageEveryMs = 3_600_000;

interface Loop {
  readonly name: string;
  /** How long it rests when the worker that did it has died. */
  readonly leaseMs: number;
  readonly retryMs: number;
  /** Ends when its signal says so. `succeeded` is called whenever something has gone well. */
  readonly run: (held: AbortSignal, succeeded: () => void) => Promise<void>;
}

export function startEvictor(given: EvictorDeps): { close(): Promise<void> } {
  const { ageLimits, metrics } = given;
  const deleter = createDeleter(given);

  async function evict(held: AbortSignal, succeeded: () => void): Promise<void> {
    const eviction = createEviction({ ...given, deleter });
    try {
      for (;;) {
        const isHurried = await eviction.step(held);
        succeeded();
        await delay(isHurried ? hurriedStepMs : stepEveryMs, undefined, { signal: held });
      }
    } finally {
      for (const gauge of [metrics.storeBytes, metrics.storeFreeBytes, metrics.storeMinFreeBytes])
        gauge.set(Number.NaN);
    }
  }

  async function age(held: AbortSignal, succeeded: () => void): Promise<void> {
    // Apart from the other loop's, which may run at the same time.
    const deps = { ...given, deleter: createDeleter(given) };
    for (;;) {
      await removeAged(deps, held);
      succeeded();
      await delay(ageEveryMs, undefined, { signal: held });
    }
  }

  const loops = [startLoop(given, { name: 'eviction', leaseMs: 6_000, retryMs: 2_000, run: evict })];
  if (ageLimits.size > 0) loops.push(startLoop(given, { name: 'aging', leaseMs: 30_000, retryMs: 60_000, run: age }));
  return {
    close: async () => void (await Promise.all(loops.map((loop) => loop.close()))),
  };
}

function startLoop({ index, log }: Pick<EvictorDeps, 'index' | 'log'>, { name, leaseMs, retryMs, run }: Loop) {
  /** Why the last try failed. */
  let failure: string | undefined;
  const succeeded = () => void (failure = undefined);

  function warn(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== failure) log.warn({ err: error, retryMs }, `${name} failed, will retry`);
    failure = message;
  }

  return runUntilClosed(async (signal) => {
    while (!signal.aborted) {
      try {
        await withLease({ index, name, leaseMs, signal }, (held) => run(held, succeeded));
        succeeded();
      } catch (error) {
        if (!signal.aborted) warn(error);
      }
      await delay(retryMs, undefined, { signal }).catch(() => {});
    }
  });
}
