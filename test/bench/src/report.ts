// What was measured, as a table for people and as ratios to Cistern's figure. A ratio above 1 says that Cistern is better.
import { type ContenderName, contenders } from './contenders.ts';
import { mediansOf, type Rounds } from './measure.ts';
import type { Figure } from './workloads.ts';

export interface Measured {
  readonly workload: string;
  readonly title: string;
  readonly headline: string;
  readonly rounds: Rounds;
}

export interface Ratio {
  /** `<workload> / <figure> / <contender>`. */
  readonly name: string;
  readonly value: number;
  /** Of single rounds: how far they lie apart, as a part of the median. */
  readonly spread: number;
}

const own = 'cistern';

/** Of each figure that is neither missing nor 0, against everybody but Cistern's own cluster. */
export function ratiosOf({ workload, rounds }: Measured): Ratio[] {
  const mine = rounds.get(own) ?? [];
  const others = [...rounds].filter(([name]) => name !== own && name !== 'cistern-cluster');
  return others.flatMap(([name, theirs]) =>
    mediansOf(mine).flatMap((figure, position) => {
      const value = better(figure, mediansOf(theirs)[position]);
      const single = mine.map((figures, round) => better(figures[position], theirs[round]?.[position]));
      const spread = (Math.max(...single) - Math.min(...single)) / value;
      return Number.isFinite(value) && value > 0 && Number.isFinite(spread)
        ? [{ name: `${workload} / ${figure.name} / ${name}`, value, spread }]
        : [];
    }),
  );
}

function better(mine: Figure | undefined, theirs: Figure | undefined): number {
  if (mine === undefined || theirs === undefined) return Number.NaN;
  return mine.better === 'higher' ? mine.value / theirs.value : theirs.value / mine.value;
}

/** In Markdown, which people can read as it is. */
export function tableOf(all: readonly Measured[]): string {
  return all.map((measured) => section(measured)).join('\n');
}

function section({ title, rounds }: Measured): string {
  const medians = [...rounds].map(([name, runs]) => [name, mediansOf(runs)] as const);
  const names = medians[0]?.[1].map(({ name }) => name) ?? [];
  const mine = medians.find(([name]) => name === own)?.[1];
  const rows = medians.map(([name, figures]) => {
    const cells = figures.map((figure, position) => cell(figure, mine?.[position], name));
    return `| ${contenders[name].title} | ${cells.join(' | ')} |`;
  });
  const head = `| ${title} | ${names.join(' | ')} |\n| --- |${names.map(() => ' ---: |').join('')}`;
  return `${head}\n${rows.join('\n')}\n`;
}

function cell(figure: Figure, mine: Figure | undefined, name: ContenderName): string {
  const ratio = better(mine, figure);
  const shown = format(figure.value);
  return name === own || !Number.isFinite(ratio) ? shown : `${shown} (${format(ratio)}×)`;
}

export function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));
}
