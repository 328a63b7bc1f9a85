// Describes a failed run: its problems, its faults, and the command that repeats it.
import { describeFault, nameOfKind } from './fault-plan.ts';
import type { RunResult } from './run-world.ts';

const most = 5;

export function describeRun(scenario: string, { seed, named, faults, problems, virtualMs, events }: RunResult): string {
  const again = named === undefined ? '' : ` --faults ${named.map(nameOfKind).join(',')}`;
  return [
    `Seed ${seed} of ${scenario} failed after ${(virtualMs / 1000).toFixed(1)} virtual seconds and ${events} events:`,
    ...problems.slice(0, most).map((problem) => `  ! ${problem.replaceAll('\n', '\n    ')}`),
    ...faults.map((fault) => `  - ${describeFault(fault)}`),
    `Run it again: npm run sim -- --scenario ${scenario} --seed ${seed}${again} --trace (or --shrink)`,
    '',
  ].join('\n');
}
