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

const families = ['cistern', 'docker-registry', 'nginx', 'fastify', 'direct'] as const;

/** The contenders that share a column and a colour. */
export function familyOf({ name }: Pick<ContenderKind, 'name'>): (typeof families)[number] | undefined {
  return families.find((family) => name.startsWith(family));
}

/** The first `words` columns are text, the others are numbers. */
export function header(names: readonly string[], words = 1): string {
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
