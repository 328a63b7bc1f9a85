// One figure out of several rounds.
import type { Figure } from '../workloads/workload.ts';

/** Of each figure, in their order. */
export function mediansOf(rounds: readonly (readonly Figure[])[]): Figure[] {
  return (rounds[0] ?? []).map((figure, position) => ({
    ...figure,
    value: median(rounds.map((figures) => figures[position]?.value ?? Number.NaN)),
  }));
}

/** Between the two in the middle where there is none in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}
