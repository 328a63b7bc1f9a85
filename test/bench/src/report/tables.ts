// What was measured, as tables in Markdown, which people can read as it is.
import type { ContenderKind } from '../contenders/contender.ts';
import type { Measured } from '../measure.ts';
import { mediansOf } from './medians.ts';
import { type Ratio, ratiosTo } from './ratios.ts';

/** A table a workload, with all its figures; in brackets how much better the first row is, and how sure that is. */
export function tablesOf(all: readonly Measured[]): string {
  return all.map((measured) => tableOf(measured)).join('\n');
}

function tableOf(measured: Measured): string {
  const { workload, rounds } = measured;
  const figures = mediansOf([...rounds.values()][0] ?? []);
  const rows = [...rounds].map(([kind, runs]) => {
    const ratios = ratiosTo(kind, measured);
    const cells = mediansOf(runs).map(({ value }, position) => format(value) + withNoise(ratios[position]));
    return `| ${kind.title} | ${cells.join(' | ')} |`;
  });
  const names = figures.map(({ name }) => name);
  return `${header([workload.title, ...names])}\n${rows.join('\n')}\n`;
}

const families = ['cistern', 'docker-registry', 'nginx', 'direct'] as const;
const columns = ['workload', 'figure', 'Cistern', 'docker-registry', 'nginx', 'no cache'];

/** A row a workload, with the figure that stands for it: of the first contender, and of the first of each other family. */
export function summaryOf(all: readonly Measured[]): string {
  const rows = all.map((measured) => {
    const { title, headline, contenders } = measured.workload;
    const [own, ...others] = contenders;
    const shown = [own, ...families.slice(1).map((family) => others.find((kind) => familyOf(kind) === family))];
    const cells = shown.map((kind) => (kind === undefined ? '' : headlineOf(kind, measured)));
    return `| ${title} | ${headline} | ${cells.join(' | ')} |`;
  });
  return `${header(columns, 2)}\n${rows.join('\n')}\n`;
}

function headlineOf(kind: ContenderKind, measured: Measured): string {
  const { workload, rounds } = measured;
  const medians = mediansOf(rounds.get(kind) ?? []);
  const position = medians.findIndex(({ name }) => name === workload.headline);
  const ratio = ratiosTo(kind, measured)[position];
  const shown = format(medians[position]?.value ?? Number.NaN);
  return ratio === undefined ? shown : `${shown} (${format(ratio.value)}×)`;
}

/** Who is shown in one column, or in one colour. */
export function familyOf({ name }: ContenderKind): (typeof families)[number] | undefined {
  return families.find((family) => name.startsWith(family));
}

function header(names: readonly string[], words = 1): string {
  const rules = names.map((_, position) => (position < words ? '---' : '---:'));
  return `| ${names.join(' | ')} |\n| ${rules.join(' | ')} |`;
}

function withNoise(ratio: Ratio | undefined): string {
  if (ratio === undefined) return '';
  const noise = Number.isFinite(ratio.spread) ? ` ± ${Math.round((ratio.spread / 2) * 100)} %` : '';
  return ` (${format(ratio.value)}×${noise})`;
}

/** Two digits, or whole numbers; what tells nothing is a dash. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));
}
