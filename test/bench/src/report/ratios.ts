// Contenders beside the first of a workload, which is Cistern. A ratio above 1 says that the first is better.
import type { Measured } from '../measure.ts';
import type { Figure } from '../workloads/workload.ts';
import { mediansOf } from './medians.ts';

export interface Ratio {
  /** `<workload> / <figure> / <contender>`. */
  readonly name: string;
  readonly value: number;
  /** Of single rounds: how far they lie apart, as a part of the median. */
  readonly spread: number;
}

/** Of each figure that is neither missing nor 0. */
export function ratiosOf({ workload, rounds }: Measured): Ratio[] {
  const [own, ...others] = workload.contenders;
  const mine = own === undefined ? undefined : rounds.get(own);
  if (mine === undefined) return [];
  return others.flatMap((kind) => {
    const theirs = rounds.get(kind) ?? [];
    const medians = mediansOf(theirs);
    return mediansOf(mine).flatMap((figure, position) => {
      const value = better(figure, medians[position]);
      const single = mine.map((figures, round) => better(figures[position], theirs[round]?.[position]));
      const spread = (Math.max(...single) - Math.min(...single)) / value;
      return Number.isFinite(value) && value > 0 && Number.isFinite(spread)
        ? [{ name: `${workload.name} / ${figure.name} / ${kind.name}`, value, spread }]
        : [];
    });
  });
}

/** NaN where one is missing. */
export function better(mine: Figure | undefined, theirs: Figure | undefined): number {
  if (mine === undefined || theirs === undefined) return Number.NaN;
  return mine.better === 'higher' ? mine.value / theirs.value : theirs.value / mine.value;
}
