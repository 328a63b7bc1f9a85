// What a run of the benchmark is told.
import { parseArgs } from 'node:util';
import { fewestRounds } from './against/judge.ts';

export interface Options {
  readonly isHelp: boolean;
  readonly isFull: boolean;
  /** Names; none: all of the mode. */
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly json: string | undefined;
  readonly isWrite: boolean;
  /** A commit that the work tree is compared with, in place of other caches. */
  readonly against: string | undefined;
}

export const help = `npm run bench -- [options]: Cistern beside other caches of the same upstream, in one run.
npm run bench -- --against <commit> [options]: the work tree beside another commit, and whether it is slower.

  --full          large and cold transfers, a cluster and S3 too: up to 90 minutes in place of 3
  --only <name>   one workload (or some: a,b, or the option again), of whichever mode; "cold" is all that begin with "cold-"
  --against <c>   Cistern of the work tree in turn with that of a commit: a quarter of an hour, with --full some hours
  --rounds <n>    of each workload; default 3, with --full 5 (3 for large transfers), with --against ${fewestRounds}, the
                  fewest that give a verdict
  --seconds <n>   of each load; default 1, with --full 5
  --json <file>   every single figure
  --write         the table and picture of docs/performance.md, and docs/benchmark.md, from this run
  --help          this, and the names of the workloads

Fails when a contender answers errors or wrong bytes, and with --against when the work tree is slower.
`;

/** Throws on what it does not know. */
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
      write: { type: 'boolean', default: false },
      against: { type: 'string' },
    },
  });
  const only = values.only.flatMap((names) => names.split(','));
  if (values.write && only.length > 0) throw new Error('--write takes a whole run: leave --only out');
  if (values.write && values.against !== undefined)
    throw new Error('--write publishes no comparison: leave --against out');
  const rounds = values.full ? 5 : 3;
  return {
    isHelp: values.help,
    isFull: values.full,
    only,
    rounds: positive('rounds', values.rounds, values.against === undefined ? rounds : fewestRounds),
    seconds: positive('seconds', values.seconds, values.full ? 5 : 1),
    json: values.json,
    isWrite: values.write,
    against: values.against,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1 on`);
  return value;
}
