// Computes the figures of several days: their median and range.
import type { ContenderKind } from '../contenders/contender.ts';
import type { Figure, Workload } from '../workloads/workload.ts';
import type { Day, DayCell } from './day.ts';
import { median } from './medians.ts';

/** A median of days, and the smallest and largest day. */
export interface Range {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface SummaryCell extends Range {
  /** How many times better the first contender is. The first contender has none. */
  readonly ratio?: Range;
}

export interface FigureSummary {
  readonly name: string;
  readonly better: Figure['better'];
  /** In the order of the workload's contenders. */
  readonly cells: ReadonlyMap<ContenderKind, SummaryCell>;
}

export interface WorkloadSummary {
  readonly workload: Workload;
  /** Number of days on which the workload was measured. */
  readonly days: number;
  readonly figures: readonly FigureSummary[];
}

/** Fewer days say little about another day. */
export const fewestDays = 3;

/** Leaves out workloads, and contenders, that no day has. The newest day decides which figures a workload has. */
export function summarizeDays(days: readonly Day[], workloads: readonly Workload[]): WorkloadSummary[] {
  const sorted = days.toSorted((one, other) => one.date.localeCompare(other.date));
  return workloads.flatMap((workload) => {
    const measured = sorted.flatMap((day) => day.workloads[workload.name] ?? []);
    const newest = measured.at(-1);
    if (newest === undefined) return [];
    const figures = Object.entries(newest.figures).map(([name, { better }]): FigureSummary => {
      const cells = workload.contenders.flatMap((kind) => {
        const known = measured.flatMap((day) => day.figures[name]?.contenders[kind.name] ?? []);
        return known.length === 0 ? [] : [[kind, cellOf(known)] as const];
      });
      return { name, better, cells: new Map(cells) };
    });
    return [{ workload, days: measured.length, figures }];
  });
}

function cellOf(days: readonly DayCell[]): SummaryCell {
  const ratios = days.flatMap(({ ratio }) => ratio ?? []);
  return { ...rangeOf(days.map((day) => day.median)), ...(ratios.length > 0 && { ratio: rangeOf(ratios) }) };
}

function rangeOf(values: readonly number[]): Range {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}
