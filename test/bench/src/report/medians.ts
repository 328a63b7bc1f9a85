// Computes one figure from several rounds.
import type { Figure } from '../workloads/workload.ts';

/** The median of each figure, in the order of the figures. */
export function mediansOf(rounds: readonly (readonly Figure[])[]): Figure[] {
  return (rounds[0] ?? []).map((figure, position) => ({
    ...figure,
    value: median(rounds.map((figures) => figures[position]?.value ?? Number.NaN)),
  }));
}

/** The mean of the two middle values if their number is even. NaN if a value is missing. */
export function median(values: readonly number[]): number {
  if (values.some(Number.isNaN)) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}
