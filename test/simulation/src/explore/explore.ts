// Runs many seeds of a scenario, one after another, and returns those with problems.
import type { NamedKinds } from './fault-plan.ts';
import { type RunResult, type Scenario, runWorld } from './run-world.ts';

export interface Exploration {
  readonly runs: number;
  readonly events: number;
  readonly failed: readonly RunResult[];
}

export interface ExploreOptions {
  readonly firstSeed: number;
  readonly named?: NamedKinds | undefined;
  /** Runs the next seed while this returns true. */
  readonly continues: (runs: number, failed: number) => boolean;
  readonly onRun?: ((result: RunResult) => void) | undefined;
}

export async function explore(
  scenario: Scenario,
  { firstSeed, named, continues, onRun }: ExploreOptions,
): Promise<Exploration> {
  const failed: RunResult[] = [];
  let runs = 0;
  let events = 0;
  for (let seed = firstSeed; continues(runs, failed.length); seed += 1) {
    const result = await runWorld(scenario, seed, { named });
    runs += 1;
    events += result.events;
    if (result.problems.length > 0) failed.push(result);
    onRun?.(result);
  }
  return { runs, events, failed };
}
