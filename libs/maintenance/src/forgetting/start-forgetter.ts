// Forgets names now and then. Every worker has one; of all of them one forgets.
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { withLease } from '@cistern/index';
import { runUntilClosed } from '../run-until-closed.ts';
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
  const { index, log, forgetAfterMs } = deps;
  const everyMs = Math.max(minEveryMs, Math.min(maxEveryMs, forgetAfterMs / passesPerAge));

  async function forgetIfDue(signal: AbortSignal): Promise<void> {
    if ((await index.values.get(doneName)) !== undefined) return;
    const forgotten = await forgetNames(deps, signal);
    if (forgotten === undefined) return;
    await index.values.put(doneName, String(deps.now()), everyMs);
    if (Object.values(forgotten).some((count) => count > 0)) log.info(forgotten, 'forgot names of evicted manifests');
  }

  return runUntilClosed(async (signal) => {
    for (let waitMs = firstLookMs; !signal.aborted; waitMs = lookEveryMs) {
      await delay(Math.min(waitMs, everyMs), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await withLease({ index, name: 'forgetting', signal }, forgetIfDue);
      } catch (error) {
        // Stores and indexes say themselves when they cannot be reached.
        if (!signal.aborted && !isCacheError(error, 'index-unavailable', 'store-unavailable'))
          log.error({ err: error }, 'failed to forget names');
      }
    }
  });
}
