// Formats the figures of several days as Markdown tables.
import type { ContenderKind } from '../contenders/contender.ts';
import type { Day } from './day.ts';
import {
  fewestDays,
  type FigureSummary,
  type Range,
  type SummaryCell,
  type WorkloadSummary,
} from './summarize-days.ts';
import { familyOf, format, header } from './tables.ts';

const columns = [
  { family: 'docker-registry', title: 'docker-registry' },
  { family: 'nginx', title: 'nginx' },
  { family: 'fastify', title: 'bare Fastify route' },
  { family: 'direct', title: 'no cache' },
] as const;

/**
 * One row for each headline figure and each figure that is also shown. It has the figure of the first contender, and the
 * ratios to the first contender of each other family.
 */
export function summaryTable(summaries: readonly WorkloadSummary[], shown: readonly string[] = []): string {
  const used = columns.filter(({ family }) => shown.length === 0 || shown.includes(family));
  const titles = ['workload', 'figure', 'days', 'Cistern', ...used.map(({ title }) => title)];
  const rows = summaries.flatMap(({ workload, days, figures }) =>
    [workload.headline, ...(workload.alsoShown ?? [])].flatMap((name) => {
      const figure = figures.find((one) => one.name === name);
      const [own] = workload.contenders;
      if (figure === undefined || own === undefined) return [];
      const others = used.map(({ family }) => ratioOf(figure, family));
      const mine = format(figure.cells.get(own)?.median ?? Number.NaN);
      return [`| ${[workload.title, name, days, mine, ...others].join(' | ')} |\n`];
    }),
  );
  return `${header(titles, 2)}\n${rows.join('')}`;
}

/** One table for each workload, with all its figures. */
export function allTables(summaries: readonly WorkloadSummary[]): string {
  return summaries
    .map(({ workload, days, figures }) => {
      const titles = [`${workload.title} (${daysText(days)})`, ...figures.map(({ name }) => name)];
      const rows = workload.contenders
        .filter((kind) => figures.some(({ cells }) => cells.has(kind)))
        .map((kind) => `| ${[kind.title, ...figures.map((figure) => cellText(figure, kind))].join(' | ')} |\n`);
      return `${header(titles)}\n${rows.join('')}`;
    })
    .join('\n');
}

/** Returns sentences that name the days and machines, and the command that adds a day. */
export function describeDays(days: readonly Day[], summaries: readonly WorkloadSummary[]): string {
  const dates = [...new Set(days.map(({ date }) => date))].toSorted();
  const when = dates.length === 1 ? dates[0] : `${dates.length} days from ${dates[0]} to ${dates.at(-1)}`;
  const machines = [...new Set(days.map(({ machine }) => machine))].join(' and ');
  const runs = days.flatMap(({ workloads }) => Object.values(workloads));
  const node = [...new Set(runs.map((run) => run.node))].toSorted().join(' and ');
  const isShort = summaries.some((summary) => summary.days < fewestDays);
  return [
    `Medians of ${when}, on ${machines}, Node ${node}. In brackets is the range of the days.`,
    'A factor shows how many times better Cistern is. `npm run bench -- --record` adds a day.',
    ...(isShort ? [`Figures of fewer than ${fewestDays} days are preliminary.`] : []),
  ].join(' ');
}

function ratioOf({ cells }: FigureSummary, family: string): string {
  for (const [kind, { ratio }] of cells) if (ratio !== undefined && familyOf(kind) === family) return ratioText(ratio);
  return '';
}

function cellText({ cells }: FigureSummary, kind: ContenderKind): string {
  const cell: SummaryCell | undefined = cells.get(kind);
  if (cell === undefined) return format(Number.NaN);
  return cell.ratio === undefined ? format(cell.median) : `${format(cell.median)}, ${ratioText(cell.ratio)}`;
}

/** The range is left out if all days have the same ratio. */
function ratioText({ median, low, high }: Range): string {
  const [from, to] = [format(low), format(high)];
  return from === to ? `${format(median)}×` : `${format(median)}× (${from} to ${to})`;
}

function daysText(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
