// Replays pulls against a cache, prints the results and draws them. Exits with 1 if a promise is broken.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeReplay, isAsPromised } from './describe-replay.ts';
import { plotReplay } from './plot-replay.ts';
import { simulateReplay, type ReplaySimulation } from './simulate-replay.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    tags: { type: 'string', default: '5000' },
    pulls: { type: 'string', default: '200000' },
    days: { type: 'string', default: '14' },
    top: { type: 'string', default: '500' },
    every: { type: 'string', default: '60' },
    megabytes: { type: 'string', default: '50' },
    out: { type: 'string', default: 'replay.svg' },
  },
});

const number = (name: Exclude<keyof typeof values, 'out'>): number => {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0`);
  return value;
};

const options: ReplaySimulation = {
  seed: number('seed'),
  tags: number('tags'),
  pulls: number('pulls'),
  days: number('days'),
  capacityShares: [0.05, 0.1, 0.2, 0.4, 1],
  prewarm: { topTags: number('top'), everyMs: number('every') * 1000, bytesPerSecond: number('megabytes') * 1e6 },
};
const result = await simulateReplay(options);
await writeFile(values.out, plotReplay(options, result));
process.stdout.write(`${describeReplay(options, result)}\nThe picture is ${values.out}.\n`);
if (!isAsPromised(result)) process.exitCode = 1;
