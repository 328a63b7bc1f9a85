// Runs `npm run bench`: measures the workloads of the options, and prints or records the figures.
// real-time: a benchmark prints how long it has run
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ensureDebianPackages } from '@cistern/test-servers';
import { compare } from './against/compare.ts';
import { describeWorkTree } from './against/resolve-commit.ts';
import type { Measured } from './measure.ts';
import { help, type Options, parseOptions } from './options.ts';
import { readDays, recordDay } from './report/day-files.ts';
import { describeMachine, machineName } from './report/describe-machine.ts';
import { ratiosOf } from './report/ratios.ts';
import { tablesOf } from './report/tables.ts';
import { writeFigures } from './report/write-figures.ts';
import { runWorkloads } from './run-workloads.ts';
import { chooseWorkloads, keepRunnable } from './workloads/choose-workloads.ts';
import { workloads } from './workloads/workloads.ts';

const root = resolve(import.meta.dirname, '../../..');
const daysDirectory = join(root, 'test/bench/days');
/** The files that a recorded run changes itself. */
const ownFiles = ['test/bench/days', 'README.md', 'docs'];

try {
  process.exitCode = await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Resolves to the exit code. */
async function main(options: Options): Promise<number> {
  if (options.isHelp) {
    const names = workloads.map(({ name, mode, title }) => `  ${name.padEnd(20)}${mode.padEnd(7)}${title}`);
    process.stdout.write(`${help}\nWorkloads:\n${names.join('\n')}\n`);
    return 0;
  }
  if (options.isWrite && !options.isRecord) {
    await writeFigures(root, await readDays(daysDirectory), workloads);
    return 0;
  }
  const beganAtMs = performance.now();
  const print = (text: string) => {
    process.stderr.write(`${((performance.now() - beganAtMs) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
  };
  if (options.against !== undefined) return compare(options.against, options, print);
  const chosen = await keepRunnable(chooseWorkloads(workloads, options), options, print);
  await ensureDebianPackages(['wrk']);
  return report(await runWorkloads(chosen, options, print), options);
}

async function report(measured: readonly Measured[], options: Options): Promise<number> {
  const machine = describeMachine();
  const about = `${machine}; medians of ${options.rounds} rounds (at most 3 of large transfers), in brackets how much better Cistern is.`;
  process.stdout.write(`${about}\n\n${tablesOf(measured)}\n`);
  const failures = measured.flatMap((one) => one.failures);
  if (options.json !== undefined) {
    const all = measured.map(({ workload, rounds }) => ({
      workload: workload.name,
      title: workload.title,
      rounds: Object.fromEntries([...rounds].map(([kind, figures]) => [kind.name, figures])),
    }));
    const { rounds, seconds } = options;
    const ratios = measured.flatMap(ratiosOf);
    const text = JSON.stringify({ machine, rounds, seconds, failures, ratios, measured: all }, null, 2);
    await writeFile(options.json, `${text}\n`);
  }
  if (failures.length > 0) {
    process.stderr.write(
      `Contenders with errors or wrong bytes, whose figures are not recorded:\n  ${failures.join('\n  ')}\n`,
    );
    return 1;
  }
  if (options.isRecord) await record(measured, options);
  return 0;
}

async function record(measured: readonly Measured[], { rounds, seconds, isFull }: Options): Promise<void> {
  const commit = await describeWorkTree(root, ownFiles);
  const run = { commit, node: process.version, rounds, seconds, isFull };
  const date = new Date().toISOString().slice(0, 10);
  const file = await recordDay(daysDirectory, { date, machine: machineName(), run, measured });
  process.stderr.write(`Recorded the day in ${file}.\n`);
  await writeFigures(root, await readDays(daysDirectory), workloads);
}
