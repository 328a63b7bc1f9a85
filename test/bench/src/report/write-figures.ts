// Writes the figures of a run into the documentation: the table and the picture of the performance page, and a page of all figures.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Measured } from '../measure.ts';
import { drawChart } from './draw-chart.ts';
import { summaryOf, tablesOf } from './tables.ts';

const root = resolve(import.meta.dirname, '../../../..');
const summaryFile = join(root, 'docs/performance.md');
const chartFile = join(root, 'docs/bench.svg');
const pageFile = join(root, 'docs/benchmark.md');

export interface Figures {
  /** The machine and the method, in one line. */
  readonly about: string;
  readonly measured: readonly Measured[];
}

export async function writeFigures({ about, measured }: Figures): Promise<void> {
  const page = await readFile(summaryFile, 'utf8');
  const between = /(<!-- bench -->\n)[\s\S]*(<!-- \/bench -->)/;
  if (!between.test(page)) throw new Error(`${summaryFile} has no place for the figures: <!-- bench -->`);
  const more = '[All figures of that run](benchmark.md) include CPU and memory.';
  // The page of all figures has the workloads of a full run.
  const shown = measured.filter(({ workload }) => workload.mode === 'quick');
  const summary = `\n${about} ${more}\n\n${summaryOf(shown)}\n`;
  await writeFile(
    summaryFile,
    page.replace(between, (_match, before: string, after: string) => before + summary + after),
  );
  await writeFile(pageFile, pageOf(about, measured));
  await writeFile(chartFile, drawChart(shown));
}

function pageOf(about: string, measured: readonly Measured[]): string {
  return `# Benchmark

Use this page to look up all figures of one run of \`npm run bench -- --write\`. [performance.md](performance.md) explains them.
${about} The value after ± is half of the spread of single rounds.

${tablesOf(measured)}`;
}
