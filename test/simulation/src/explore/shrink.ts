// Removes the faults that a failing run does not need to fail.
import type { PlannedFault } from './fault-plan.ts';
import { type RunResult, type Scenario, runWorld } from './run-world.ts';

/**
 * Returns the failing run with the shortest list of faults that was found. It tries to remove each half of the list,
 * then each quarter, and so on, so it runs the scenario often.
 */
export async function shrink(scenario: Scenario, failed: RunResult): Promise<RunResult> {
  let best = failed;
  for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < best.faults.length;) {
      const result = await runWorld(scenario, failed.seed, {
        named: failed.named,
        faults: without(best.faults, from, size),
      });
      if (result.problems.length === 0) from += size;
      else best = result;
    }
  return best;
}

function without(faults: readonly PlannedFault[], from: number, count: number): PlannedFault[] {
  return [...faults.slice(0, from), ...faults.slice(from + count)];
}
