// The figures of one day on one machine, which are committed. They are short: medians and ratios, no single rounds.
import type { Measured } from '../measure.ts';
import type { Figure } from '../workloads/workload.ts';
import { mediansOf } from './medians.ts';
import { ratiosTo } from './ratios.ts';

export interface DayCell {
  readonly median: number;
  /** How many times better the first contender is, by the medians of the day. The first contender has none. */
  readonly ratio?: number;
  /** The difference between the largest and the smallest ratio of single rounds, as a part of `ratio`. */
  readonly spread?: number;
}

interface DayFigure {
  readonly better: Figure['better'];
  /** By the names of contenders. A contender without the figure is missing. */
  readonly contenders: Readonly<Record<string, DayCell>>;
}

/** The options and the versions of a run. */
interface DayRun {
  readonly commit: string;
  readonly node: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly isFull: boolean;
}

interface DayWorkload extends DayRun {
  /** By the names of figures, in their order. */
  readonly figures: Readonly<Record<string, DayFigure>>;
}

export interface Day {
  /** In UTC, such as 2026-12-02. */
  readonly date: string;
  readonly machine: string;
  /** By the names of workloads. */
  readonly workloads: Readonly<Record<string, DayWorkload>>;
}

export interface DayOptions extends Pick<Day, 'date' | 'machine'> {
  readonly run: DayRun;
  readonly measured: readonly Measured[];
  /** The same day of the same machine. Its workloads are kept unless they were measured again. */
  readonly earlier?: Day | undefined;
}

export function createDay({ date, machine, run, measured, earlier }: DayOptions): Day {
  const workloads: Record<string, DayWorkload> = { ...earlier?.workloads };
  for (const one of measured) workloads[one.workload.name] = { ...run, figures: figuresOf(one) };
  return { date, machine, workloads };
}

/** Returns the name of a day's file. */
export function dayFileName({ date, machine }: Pick<Day, 'date' | 'machine'>): string {
  const words = machine.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return `${[date, ...words].join('-')}.json`;
}

function figuresOf(measured: Measured): Record<string, DayFigure> {
  const columns = [...measured.rounds].map(([kind, rounds]) => {
    return { kind, medians: mediansOf(rounds), ratios: ratiosTo(kind, measured) };
  });
  const [first] = columns;
  const figures = (first?.medians ?? []).map(({ name, better }, position) => {
    const cells = columns.flatMap(({ kind, medians, ratios }) => {
      const median = medians[position]?.value ?? Number.NaN;
      if (!Number.isFinite(median)) return [];
      const { value: ratio, spread } = ratios[position] ?? {};
      const cell: DayCell = {
        median: short(median),
        ...(ratio !== undefined && { ratio: short(ratio) }),
        ...(Number.isFinite(spread) && { spread: short(spread!) }),
      };
      return [[kind.name, cell] as const];
    });
    return [name, { better, contenders: Object.fromEntries(cells) }] as const;
  });
  return Object.fromEntries(figures.filter(([, { contenders }]) => Object.keys(contenders).length > 0));
}

function short(value: number): number {
  return Number(value.toPrecision(4));
}
