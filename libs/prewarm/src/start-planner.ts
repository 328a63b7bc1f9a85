// Plans what is fetched early, again and again. Every worker has a planner; of all of them one plans.
import { startLoop } from '@cistern/index';
import { type PlanPrewarmDeps, planPrewarm } from './plan-prewarm.ts';

const everyMs = 15_000;

/** `undefined` where nothing is to be fetched early. */
export function startPlanner(deps: PlanPrewarmDeps): { close(): Promise<void> } | undefined {
  if (deps.top === 0 && deps.images.length === 0) return undefined;
  return startLoop(deps, {
    name: 'prewarm plan',
    leaseMs: 30_000,
    retryMs: everyMs,
    async step(signal) {
      await planPrewarm(deps, everyMs, signal);
      return everyMs;
    },
  });
}
