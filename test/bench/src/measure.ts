// One workload for all contenders in turn, round after round (A B C, C B A, …), so that what else the machine does meets
// all of them alike.
import type { FakeUpstream } from '@cistern/fake-upstream';
import type { Contender, ContenderName } from './contenders.ts';
import type { Figure, Workload } from './workloads.ts';

/** Of one workload: each contender's figures, a list a round. */
export type Rounds = ReadonlyMap<ContenderName, readonly (readonly Figure[])[]>;

export interface MeasureOptions {
  readonly running: ReadonlyMap<ContenderName, Contender>;
  readonly upstream: FakeUpstream;
  readonly rounds: number;
  readonly seconds: number;
  readonly say: (text: string) => void;
}

export async function measure(workload: Workload, options: MeasureOptions): Promise<Rounds> {
  const { running, upstream, rounds, seconds, say } = options;
  const results = new Map<ContenderName, (readonly Figure[])[]>([...running.keys()].map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const turn = [...running];
    for (const [name, contender] of round % 2 === 0 ? turn : turn.toReversed()) {
      say(`${workload.title}, round ${round + 1}/${rounds}: ${name}`);
      results.get(name)?.push(await workload.run({ contender, upstream, round, seconds }));
    }
  }
  return results;
}

/** Of each figure, in their order. */
export function mediansOf(rounds: readonly (readonly Figure[])[]): Figure[] {
  return (rounds[0] ?? []).map((figure, position) => ({
    ...figure,
    value: median(rounds.map((figures) => figures[position]?.value ?? Number.NaN)),
  }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
