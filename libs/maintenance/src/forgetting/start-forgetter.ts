// Forgets names now and then. Every worker has one; of all of them one forgets.
import { startLoop } from '@cistern/index';
import { forgetNames } from './forget-names.ts';
import type { ForgettingDeps } from './names.ts';

/** A pass reads the record of each name. */
const maxEveryMs = 86_400_000;
const minEveryMs = 1_000;
const passesPerAge = 10;
/** Others have more to do at a start. */
const firstLookMs = 60_000;
const lookEveryMs = 600_000;
const doneName = 'names-forgotten';

/** A pass under way at its close is left, for another to go on with. */
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

  const retryMs = Math.min(lookEveryMs, everyMs);
  return startLoop(deps, {
    name: 'forgetting',
    leaseMs: 30_000,
    firstMs: Math.min(firstLookMs, everyMs),
    retryMs,
    async step(signal) {
      await forgetIfDue(signal);
      return retryMs;
    },
  });
}
