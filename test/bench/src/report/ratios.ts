// Compares contenders with the first of a workload, which is Cistern. A ratio above 1 means that the first is better.
import type { ContenderKind } from '../contenders/contender.ts';
import type { Measured } from '../measure.ts';
import type { Figure } from '../workloads/workload.ts';
import { mediansOf } from './medians.ts';

export interface Ratio {
  /** `<workload> / <figure> / <contender>`. */
  readonly name: string;
  readonly value: number;
  /** The difference between the largest and the smallest ratio of single rounds, as a part of `value`. NaN if there was only one round. */
  readonly spread: number;
}

/** The ratios to all other contenders, for each figure that both have. */
export function ratiosOf(measured: Measured): Ratio[] {
  return measured.workload.contenders.slice(1).flatMap((kind) => ratiosTo(kind, measured).filter(isRatio));
}

/** The ratio of each figure, in the order of the figures; `undefined` if there is no valid comparison. */
export function ratiosTo(kind: ContenderKind, { workload, rounds }: Measured): (Ratio | undefined)[] {
  const [own] = workload.contenders;
  const mine = own === undefined || own === kind ? [] : (rounds.get(own) ?? []);
  const theirs = rounds.get(kind) ?? [];
  const medians = mediansOf(theirs);
  return mediansOf(mine).map((figure, position) => {
    const value = better(figure, medians[position]);
    const single = mine.map((figures, round) => better(figures[position], theirs[round]?.[position]));
    if (!Number.isFinite(value) || value <= 0) return undefined;
    const spread = single.length > 1 ? (Math.max(...single) - Math.min(...single)) / value : Number.NaN;
    return { name: `${workload.name} / ${figure.name} / ${kind.name}`, value, spread };
  });
}

function isRatio(ratio: Ratio | undefined): ratio is Ratio {
  return ratio !== undefined;
}

function better(mine: Figure | undefined, theirs: Figure | undefined): number {
  if (mine === undefined || theirs === undefined) return Number.NaN;
  return mine.better === 'higher' ? mine.value / theirs.value : theirs.value / mine.value;
}
