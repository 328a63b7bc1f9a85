// Puts the figures of a run where people and later runs find them: the README, its picture, the baseline.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Measured } from '../measure.ts';
import { baselineOf } from './baseline.ts';
import { drawChart } from './draw-chart.ts';
import type { Ratio } from './ratios.ts';

const root = resolve(import.meta.dirname, '../../../..');
export const baselineFile = join(root, 'test/bench/baseline.json');
const readmeFile = join(root, 'README.md');
const chartFile = join(root, 'docs/bench.svg');

export interface Figures {
  readonly about: string;
  readonly tables: string;
  readonly measured: readonly Measured[];
  readonly ratios: readonly Ratio[];
}

export async function writeFigures({ about, tables, measured, ratios }: Figures): Promise<void> {
  const readme = await readFile(readmeFile, 'utf8');
  const between = /(<!-- bench -->\n)[\s\S]*(<!-- \/bench -->)/;
  if (!between.test(readme)) throw new Error(`${readmeFile} has no place for the tables`);
  const replaced = (_match: string, before: string, after: string) => `${before}\n${about}\n\n${tables}\n${after}`;
  await writeFile(readmeFile, readme.replace(between, replaced));
  await writeFile(baselineFile, `${JSON.stringify(baselineOf(ratios), null, 2)}\n`);
  await writeFile(chartFile, drawChart(measured));
}
