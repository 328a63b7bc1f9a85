// Puts the figures of a run where people find them: the README, its picture and a page.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Measured } from '../measure.ts';
import { drawChart } from './draw-chart.ts';
import { summaryOf, tablesOf } from './tables.ts';

const root = resolve(import.meta.dirname, '../../../..');
const readmeFile = join(root, 'README.md');
const chartFile = join(root, 'docs/bench.svg');
const pageFile = join(root, 'docs/benchmark.md');

export interface Figures {
  /** On what machine, and how. */
  readonly about: string;
  readonly measured: readonly Measured[];
}

export async function writeFigures({ about, measured }: Figures): Promise<void> {
  const readme = await readFile(readmeFile, 'utf8');
  const between = /(<!-- bench -->\n)[\s\S]*(<!-- \/bench -->)/;
  if (!between.test(readme)) throw new Error(`${readmeFile} has no place for the figures`);
  const more = 'All figures of that run, CPU and memory among them, stand in [docs/benchmark.md](docs/benchmark.md).';
  // What only a full run has is for those who want to know it all.
  const shown = measured.filter(({ workload }) => workload.mode === 'quick');
  const summary = `\n${about} ${more}\n\n${summaryOf(shown)}\n`;
  await writeFile(
    readmeFile,
    readme.replace(between, (_match, before: string, after: string) => before + summary + after),
  );
  await writeFile(pageFile, pageOf(about, measured));
  await writeFile(chartFile, drawChart(shown));
}

function pageOf(about: string, measured: readonly Measured[]): string {
  return `# Benchmark

All figures of one run, written by \`npm run bench -- --write\`; what they mean is said in [performance.md](performance.md).
${about} After ± stands half of how far single rounds lie apart.

${tablesOf(measured)}`;
}
