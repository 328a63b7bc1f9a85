// The verdicts on all figures of a workload, and the one on the workload that follows from them.
import { median } from '../report/medians.ts';
import { judge, type Outcome, type Verdict } from './judge.ts';
import type { Compared } from './measure-turns.ts';

export interface FigureVerdict extends Verdict {
  readonly figure: string;
  /** Medians of all runs. */
  readonly old: number;
  readonly new: number;
}

export interface WorkloadVerdict {
  readonly compared: Compared;
  /** That of a figure that is slower, or else faster; "no difference" says that this is so of every figure that has a ratio. */
  readonly outcome: Outcome;
  readonly figures: readonly FigureVerdict[];
}

const gravest: readonly Outcome[] = ['slower', 'faster', 'too few rounds', 'no difference'];

/** Those that answered wrongly have no verdict. */
export function judgeWorkloads(all: readonly Compared[]): WorkloadVerdict[] {
  return all
    .filter(({ failure }) => failure === undefined)
    .map((compared) => {
      const figures = judgeFigures(compared);
      const outcome = gravest.find((one) => figures.some((figure) => figure.outcome === one)) ?? 'no ratio';
      return { compared, outcome, figures };
    });
}

function judgeFigures({ rounds }: Compared): FigureVerdict[] {
  return (rounds[0]?.new ?? []).map(({ name, better }, position) => {
    const values = rounds.map((sides) => ({
      old: sides.old[position]?.value ?? Number.NaN,
      new: sides.new[position]?.value ?? Number.NaN,
      again: sides.again[position]?.value ?? Number.NaN,
    }));
    return {
      figure: name,
      old: median(values.flatMap((value) => [value.old, value.again])),
      new: median(values.map((value) => value.new)),
      ...judge(values, better),
    };
  });
}
