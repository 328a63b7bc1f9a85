// Formats measured figures as Markdown tables that are readable without rendering.
import type { ContenderKind } from '../contenders/contender.ts';
import type { Measured } from '../measure.ts';
import { mediansOf } from './medians.ts';
import { type Ratio, ratiosTo } from './ratios.ts';

/** One table per workload, with all its figures. In brackets: how many times better the first row is, and the noise. */
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

/** One row per workload, with its headline figure for the first contender and for the first contender of each other family. */
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

/** The contenders that share a column and a colour. */
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

/** Two digits, or whole numbers from 100. A value that is not finite is a dash. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));
}
