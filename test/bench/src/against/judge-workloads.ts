// Derives the verdicts on all figures of a workload, and the verdict on the workload.
import { median } from '../report/medians.ts';
import { isInDoubt, judge, type Outcome, type Verdict } from './judge.ts';
import type { Compared } from './measure-turns.ts';

export interface FigureVerdict extends Verdict {
  readonly figure: string;
  /** Medians of all runs. */
  readonly old: number;
  readonly new: number;
}

export interface WorkloadVerdict {
  readonly compared: Compared;
  /**
   * The outcome of the worst figure, or else of a faster one. "no difference" means that no figure with a ratio
   * differs.
   */
  readonly outcome: Outcome;
  readonly figures: readonly FigureVerdict[];
}

const gravest: readonly Outcome[] = ['slower', 'faster', 'too few rounds', 'no difference'];

/** Leaves out workloads with wrong responses. */
export function judgeWorkloads(all: readonly Compared[]): WorkloadVerdict[] {
  return all
    .filter(({ failure }) => failure === undefined)
    .map((compared) => {
      const figures = judgeFigures(compared);
      const outcome = gravest.find((one) => figures.some((figure) => figure.outcome === one)) ?? 'no ratio';
      return { compared, outcome, figures };
    });
}

/** Returns true if no figure is slower, and more rounds can show that one is. */
export function needsMoreRounds(compared: Compared): boolean {
  return judgeWorkloads([compared]).some(({ outcome, figures }) => outcome !== 'slower' && figures.some(isInDoubt));
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
