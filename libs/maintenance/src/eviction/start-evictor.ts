// Keeps the store within its limits, always. Every worker has one; of all of them one evicts.
import { setTimeout as delay } from 'node:timers/promises';
import { withLease } from '@cistern/index';
import { type AgingDeps, createAging } from './create-aging.ts';
import { createDeleter } from './create-deleter.ts';
import { type EvictionDeps, createEviction } from './create-eviction.ts';
import { runUntilClosed } from '../run-until-closed.ts';

const stepEveryMs = 1_000;
/** While so much arrives that a store would be too full in a second, or somebody waits for room. */
const hurriedStepMs = 200;
/** How long nobody evicts when the worker that did has died. */
const leaseMs = 6_000;
const retryMs = 2_000;

export function startEvictor(given: Omit<EvictionDeps & AgingDeps, 'deleter'>): { close(): Promise<void> } {
  const { index, log, metrics } = given;
  const deps = { ...given, deleter: createDeleter(given) };
  /** Why the last step failed. */
  let failure: string | undefined;

  async function evict(held: AbortSignal): Promise<void> {
    // Not those of a lease before: what they had marked somebody else may have marked since, a moment ago.
    const [eviction, aging] = [createEviction(deps), createAging(deps)];
    try {
      for (;;) {
        const isHurried = await eviction.step(held);
        await aging.step(held);
        failure = undefined;
        await delay(isHurried ? hurriedStepMs : stepEveryMs, undefined, { signal: held });
      }
    } finally {
      for (const gauge of [metrics.storeBytes, metrics.storeFreeBytes, metrics.storeMinFreeBytes])
        gauge.set(Number.NaN);
    }
  }

  function warn(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== failure) log.warn({ err: error, retryMs }, 'eviction failed, will retry');
    failure = message;
  }

  return runUntilClosed(async (signal) => {
    while (!signal.aborted) {
      try {
        await withLease({ index, name: 'eviction', leaseMs, signal }, evict);
        failure = undefined;
      } catch (error) {
        if (!signal.aborted) warn(error);
      }
      await delay(retryMs, undefined, { signal }).catch(() => {});
    }
  });
}
