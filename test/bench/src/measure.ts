// Runs one workload for all its contenders in turn, round after round (A B C, C B A, …). So other load on the machine
// affects all of them alike.
import type { Contenders } from './contenders/open-contenders.ts';
import type { ContenderKind, Site } from './contenders/contender.ts';
import type { Figure, Workload } from './workloads/workload.ts';

export interface Measured {
  readonly workload: Workload;
  /** The figures of each contender, one list a round. A contender with wrong responses is missing. */
  readonly rounds: ReadonlyMap<ContenderKind, readonly (readonly Figure[])[]>;
  /** A sentence for each contender that returned errors or wrong bytes. */
  readonly failures: readonly string[];
}

export interface MeasureOptions {
  readonly site: Site;
  readonly contenders: Contenders;
  readonly rounds: number;
  readonly seconds: number;
  readonly isFull: boolean;
  readonly print: (text: string) => void;
}

export async function measure(workload: Workload, options: MeasureOptions): Promise<Measured> {
  const { site, contenders, seconds, isFull, print } = options;
  const rounds = Math.min(options.rounds, workload.mostRounds ?? Number.POSITIVE_INFINITY);
  const results = new Map<ContenderKind, (readonly Figure[])[]>(workload.contenders.map((kind) => [kind, []]));
  const failures: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const turn = [...results];
    for (const [kind, figures] of round % 2 === 0 ? turn : turn.toReversed()) {
      print(`${workload.title}, round ${round + 1}/${rounds}: ${kind.name}`);
      const contender = () => contenders.get(kind);
      try {
        figures.push(await workload.run({ kind, contender, site, round, isWarm: round > 0, seconds, isFull }));
      } catch (error) {
        results.delete(kind);
        failures.push(`${workload.name}, ${kind.name}: ${error instanceof Error ? error.message : String(error)}`);
        print(`  ${failures.at(-1)}`);
      }
    }
  }
  return { workload, rounds: results, failures };
}
