// Writes the figures of the recorded days into README.md and the documentation: tables, a picture, and a page of all
// figures. The days are their only source.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workload } from '../workloads/workload.ts';
import type { Day } from './day.ts';
import { allTables, describeDays, summaryTable } from './day-tables.ts';
import { drawChart } from './draw-chart.ts';
import { summarizeDays } from './summarize-days.ts';

/** The workloads and contenders that README.md shows. */
const readmeWorkloads: ReadonlySet<string> = new Set([
  'manifest-by-tag',
  'manifest-by-digest',
  'blob-4k',
  'rate-by-tag',
  'blob-64m',
  'cold-herd',
]);
const readmeFamilies = ['docker-registry', 'nginx', 'fastify'];
const between = /(<!-- bench -->\n)[\s\S]*(<!-- \/bench -->)/;

/** `root` is the directory of README.md. Rejects if a page has no place for the figures. */
export async function writeFigures(root: string, days: readonly Day[], workloads: readonly Workload[]): Promise<void> {
  const all = summarizeDays(days, workloads);
  // The page of all figures has the workloads of a full run.
  const quick = all.filter(({ workload }) => workload.mode === 'quick');
  const few = all.filter(({ workload }) => readmeWorkloads.has(workload.name));
  const more = '[All figures](benchmark.md) include CPU and memory.';
  await fill(join(root, 'README.md'), `${describeDays(days, few)}\n\n${summaryTable(few, readmeFamilies)}`);
  await fill(join(root, 'docs/performance.md'), `${describeDays(days, quick)} ${more}\n\n${summaryTable(quick)}`);
  await writeFile(join(root, 'docs/benchmark.md'), pageOf(`${describeDays(days, all)}\n\n${allTables(all)}`));
  await writeFile(join(root, 'docs/bench.svg'), drawChart(quick));
}

async function fill(file: string, text: string): Promise<void> {
  const page = await readFile(file, 'utf8');
  if (!between.test(page))
    throw new Error(`${file} has no place for the figures. Add <!-- bench --> and <!-- /bench -->.`);
  const filled = page.replace(between, (_match, before: string, after: string) => `${before}\n${text}\n${after}`);
  await writeFile(file, filled);
}

function pageOf(text: string): string {
  return `# Benchmark

Use this page to look up all figures. [performance.md](performance.md) explains them.

${text}`;
}
