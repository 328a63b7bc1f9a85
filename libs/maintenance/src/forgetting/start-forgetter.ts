// Forgets names from time to time. Every worker has a forgetter, and a lease chooses the one that runs.
import { startLoop } from '@cistern/index';
import { forgetNames } from './forget-names.ts';
import type { ForgettingDeps } from './names.ts';

/** Longest time between passes. A pass is expensive, because it reads the record of each name. */
const maxEveryMs = 86_400_000;
const minEveryMs = 1_000;
const passesPerAge = 10;
/** Delay after a startup, so that other work comes first. */
const firstCheckMs = 60_000;
const checkEveryMs = 600_000;
const doneName = 'names-forgotten';

/** Closing interrupts a pass under way; another worker continues it. */
export function startForgetter(deps: ForgettingDeps): { close(): Promise<void> } {
  const { index, log, forgetAfterMs, now } = deps;
  const everyMs = Math.max(minEveryMs, Math.min(maxEveryMs, forgetAfterMs / passesPerAge));

  async function forgetIfDue(signal: AbortSignal): Promise<void> {
    if ((await index.values.get(doneName)) !== undefined) return;
    const forgotten = await forgetNames(deps, signal);
    if (forgotten === undefined) return;
    await index.values.put(doneName, String(now()), everyMs);
    if (Object.values(forgotten).some((count) => count > 0)) log.info(forgotten, 'forgot names of evicted manifests');
  }

  const retryMs = Math.min(checkEveryMs, everyMs);
  return startLoop(deps, {
    name: 'forgetting',
    leaseMs: 30_000,
    firstMs: Math.min(firstCheckMs, everyMs),
    retryMs,
    async step(signal) {
      await forgetIfDue(signal);
      return retryMs;
    },
  });
}
