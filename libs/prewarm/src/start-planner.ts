// Runs the prewarm plan at intervals. Every worker has a planner, and a lease ensures that only one worker plans at a
// time.
import { startLoop } from '@cistern/index';
import { type PlanPrewarmDeps, planPrewarm } from './plan-prewarm.ts';

const everyMs = 15_000;

/** Returns `undefined` if no prewarming is configured. The caller closes the planner. */
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
