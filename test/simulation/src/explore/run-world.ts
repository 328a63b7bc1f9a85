// Runs a scenario in a world of its own, until it ends or no event is left.
import { drive } from '../world/drive.ts';
import { resetWorld } from '../world/install.ts';
import { schedule } from '../world/schedule.ts';
import type { FaultKind, NamedKinds, PlannedFault } from './fault-plan.ts';

export interface Run {
  readonly seed: number;
  readonly faults: readonly PlannedFault[];
  readonly problem: (text: string) => void;
  readonly trace: (text: string) => void;
  /** True if a consumer reads the trace. */
  readonly isTraced?: boolean;
}

export interface Scenario {
  readonly name: string;
  /** All kinds of faults that runs of the scenario can have. */
  readonly kinds: readonly FaultKind[];
  /** `named` limits the plan to these kinds of faults. */
  plan(seed: number, named?: NamedKinds): PlannedFault[];
  /** Resolves after all actions and checks, to a function that closes the cluster. */
  play(run: Run): Promise<() => Promise<void>>;
}

export interface RunResult {
  readonly seed: number;
  readonly named: NamedKinds | undefined;
  readonly faults: readonly PlannedFault[];
  readonly problems: readonly string[];
  readonly hash: number;
  readonly events: number;
  readonly virtualMs: number;
}

const limits = { maxEvents: 600_000, maxMs: 1_200_000 };

export interface RunOptions {
  /** Default: the kinds that the seed draws. */
  readonly named?: NamedKinds | undefined;
  /** Default: the faults that the seed plans. */
  readonly faults?: readonly PlannedFault[] | undefined;
  readonly onTrace?: ((atMs: number, text: string) => void) | undefined;
}

export async function runWorld(
  scenario: Scenario,
  seed: number,
  { named, faults, onTrace }: RunOptions = {},
): Promise<RunResult> {
  resetWorld(seed);
  const planned = faults ?? scenario.plan(seed, named);
  const problems: string[] = [];
  const trace = (text: string) => onTrace?.(schedule.nowMs, text);
  const problem = (text: string) => {
    problems.push(text);
    trace(`PROBLEM ${text}`);
  };
  const onUncaught = (error: unknown) => problem(`uncaught: ${error instanceof Error ? error.stack : String(error)}`);
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  try {
    const play = scenario.play({ seed, faults: planned, problem, trace, isTraced: onTrace !== undefined });
    const close = await untilEnded(play, problem, 'the run');
    if (close !== undefined) {
      await untilEnded(close(), problem, 'closing');
    }
  } finally {
    process.off('uncaughtException', onUncaught);
    process.off('unhandledRejection', onUncaught);
    schedule.listeners.onEvent = undefined;
  }
  return {
    seed,
    named,
    faults: planned,
    problems,
    hash: schedule.hash,
    events: schedule.ran,
    virtualMs: schedule.nowMs,
  };
}

async function untilEnded<T>(work: Promise<T>, problem: (text: string) => void, name: string): Promise<T | undefined> {
  let hasEnded = false;
  let result: T | undefined;
  const ending = async () => {
    try {
      result = await work;
    } catch (error) {
      problem(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    }
    hasEnded = true;
  };
  void ending();
  const drove = await drive(() => hasEnded, limits);
  if (drove === 'idle') problem(`${name} waits forever: no event is planned anymore (${schedule.nowMs.toFixed(0)} ms)`);
  if (drove === 'limit') problem(`${name} does not end (${schedule.nowMs.toFixed(0)} ms, ${schedule.ran} events)`);
  return result;
}
