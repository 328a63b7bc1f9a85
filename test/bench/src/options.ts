// Parses the options of a benchmark run.
import { parseArgs } from 'node:util';
import { fewestRounds, looks } from './against/judge.ts';

export interface Options {
  readonly isHelp: boolean;
  readonly isFull: boolean;
  /** Names of workloads. Without any, all workloads of the mode run. */
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly json: string | undefined;
  /** Adds the figures to the committed ones of this day, and writes the documentation. */
  readonly isRecord: boolean;
  /** Writes the documentation from the committed figures, without a measurement. */
  readonly isWrite: boolean;
  /** A commit to compare the work tree with, instead of other caches. */
  readonly against: string | undefined;
}

export const help = `npm run bench -- [options]: compare Cistern with other caches in one run
npm run bench -- --against <commit> [options]: compare the work tree with another commit

  --full          also large and cold transfers, a cluster and S3: up to 100 minutes instead of 6
  --only <name>   one workload (or several: a,b, or repeat the option), of either mode; "cold" means all of "cold-"
  --against <c>   Cistern of the work tree in turn with that of a commit: 35 minutes, with --full some hours
  --rounds <n>    rounds of each workload; default 3, with --full 5 (3 for large transfers), with --against
                  ${fewestRounds}, the fewest that give a verdict. A workload that looks slower without a proof gets
                  as many again, up to ${looks} times as many in all
  --seconds <n>   duration of each load; default 1, with --full 5
  --json <file>   write every single figure
  --record        write medians and ratios to test/bench/days, one file for each day and machine; then do --write
  --write         measure nothing, and write the median and range of all days into README.md, docs/performance.md,
                  docs/benchmark.md and docs/bench.svg
  --help          show this help and the names of the workloads

Fails when a contender returns errors or wrong bytes, and with --against when the work tree is slower.
`;

/** Throws on unknown options. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      record: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      against: { type: 'string' },
    },
  });
  const only = values.only.flatMap((names) => names.split(','));
  if (values.record && values.against !== undefined)
    throw new Error('--record records no comparison. Leave --against out.');
  if (values.write && !values.record && args.length > 1)
    throw new Error('--write measures nothing. Use --record, or leave the other options out.');
  const rounds = values.full ? 5 : 3;
  return {
    isHelp: values.help,
    isFull: values.full,
    only,
    rounds: positive('rounds', values.rounds, values.against === undefined ? rounds : fewestRounds),
    seconds: positive('seconds', values.seconds, values.full ? 5 : 1),
    json: values.json,
    isRecord: values.record,
    isWrite: values.write,
    against: values.against,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number of at least 1.`);
  return value;
}
