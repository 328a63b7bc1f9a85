// What was measured, as tables in Markdown, which people can read as it is.
import type { Measured } from '../measure.ts';
import type { Figure } from '../workloads/workload.ts';
import { mediansOf } from './medians.ts';
import { better } from './ratios.ts';

/** A table a workload; in brackets how much better the first row is. */
export function tablesOf(all: readonly Measured[]): string {
  return all.map((measured) => tableOf(measured)).join('\n');
}

function tableOf({ workload, rounds }: Measured): string {
  const medians = workload.contenders.flatMap((kind) => {
    const figures = rounds.get(kind);
    return figures === undefined ? [] : [[kind, mediansOf(figures)] as const];
  });
  const names = medians[0]?.[1].map(({ name }) => name) ?? [];
  const mine = medians.find(([kind]) => kind === workload.contenders[0])?.[1];
  const rows = medians.map(([kind, figures]) => {
    const cells = figures.map((figure, position) => cell(figure, figures === mine ? undefined : mine?.[position]));
    return `| ${kind.title} | ${cells.join(' | ')} |`;
  });
  const head = `| ${workload.title} | ${names.join(' | ')} |\n| --- |${names.map(() => ' ---: |').join('')}`;
  return `${head}\n${rows.join('\n')}\n`;
}

function cell(figure: Figure, mine: Figure | undefined): string {
  const ratio = better(mine, figure);
  const shown = format(figure.value);
  return Number.isFinite(ratio) ? `${shown} (${format(ratio)}×)` : shown;
}

export function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));
}
