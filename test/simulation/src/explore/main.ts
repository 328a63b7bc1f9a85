// `npm run sim`: explores random schedules of faults, or plays one again.
import { parseArgs } from 'node:util';
import { installWorld } from '../world/install.ts';
import { real } from '../world/real.ts';

installWorld();
const { blobScenario } = await import('./blob-scenario.ts');
const { runWorld } = await import('./run-world.ts');
const { describeFault } = await import('./fault-plan.ts');

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    hash: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.count);
const onTrace = (atMs: number, text: string) => process.stdout.write(`${atMs.toFixed(2).padStart(12)} ${text}\n`);
const cpu = process.cpuUsage();
const began = real.performanceNow();
let failed = 0;
let events = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const result = await runWorld(blobScenario, seed, values.trace ? { onTrace } : {});
  events += result.events;
  if (values.hash) process.stdout.write(`${seed} ${result.hash} ${result.events}\n`);
  if (result.problems.length === 0) continue;
  failed += 1;
  process.stdout.write(`seed ${seed}:\n${result.faults.map((fault) => `  - ${describeFault(fault)}\n`).join('')}`);
  process.stdout.write(result.problems.slice(0, 4).map((text) => `  ! ${text}\n`).join(''));
}
const { user, system } = process.cpuUsage(cpu);
const cpuSeconds = (user + system) / 1e6;
process.stdout.write(
  `${count} schedules, ${failed} failed, ${(count / cpuSeconds).toFixed(1)} per CPU second, ${Math.round(events / count)} events each, ${((real.performanceNow() - began) / 1000).toFixed(1)} s\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
