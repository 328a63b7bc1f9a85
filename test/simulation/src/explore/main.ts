// Explores random schedules of faults, or runs one of them again. `npm run sim` starts it.
import { parseArgs } from 'node:util';
import { replaceModules } from '../nodes/replace-modules.ts';
import { installWorld } from '../world/install.ts';
import { real } from '../world/real.ts';

installWorld();
replaceModules();
const { describeRun } = await import('./describe-run.ts');
const { explore } = await import('./explore.ts');
const { parseKinds } = await import('./parse-kinds.ts');
const { runWorld } = await import('./run-world.ts');
const { findScenario, scenarioNames } = await import('./scenarios.ts');
const { shrink } = await import('./shrink.ts');

const usage = `Usage: npm run sim -- [options]
  --scenario NAME   ${scenarioNames.join(' or ')} (default: ${scenarioNames[0]})
  --seed N          The first seed, or the only one (default: 1)
  --count N         Run N seeds, starting at the first
  --seconds N       Run seeds for N seconds
  --faults KINDS    Give each run faults of these kinds, such as skewed-clock,default
  --trace           Show all events with their virtual time
  --shrink          Remove the faults that a failing run does not need
  --hash            Show a hash over all events of each run
`;

const write = (text: string) => process.stdout.write(text);
const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: scenarioNames[0] },
    seed: { type: 'string', default: '1' },
    count: { type: 'string' },
    seconds: { type: 'string' },
    faults: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    hash: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const scenario = findScenario(values.scenario ?? '');
  if (values.help || scenario === undefined) {
    write(usage);
    return values.help ? 0 : 2;
  }
  const named = values.faults === undefined ? undefined : parseKinds(values.faults, scenario);
  const firstSeed = wholeNumber('seed', values.seed);
  if (values.trace) {
    const onTrace = (atMs: number, text: string) => write(`${atMs.toFixed(2).padStart(12)} ${text}\n`);
    const result = await runWorld(scenario, firstSeed, { named, onTrace });
    write(result.problems.length === 0 ? 'No problem.\n' : describeRun(scenario.name, result));
    return result.problems.length === 0 ? 0 : 1;
  }
  const untilMs =
    values.seconds === undefined ? Infinity : real.performanceNow() + wholeNumber('seconds', values.seconds) * 1000;
  const count = values.count === undefined ? (untilMs === Infinity ? 1 : Infinity) : wholeNumber('count', values.count);
  const cpu = process.cpuUsage();
  const { runs, events, failed } = await explore(scenario, {
    firstSeed,
    named,
    continues: (done) => done < count && real.performanceNow() < untilMs,
    onRun(result) {
      if (values.hash) write(`${result.seed} ${result.hash} ${result.events}\n`);
      if (result.problems.length > 0) write(describeRun(scenario.name, result));
    },
  });
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = runs / ((user + system) / 1e6);
  write(`${runs} schedules of ${scenario.name} from seed ${firstSeed}, ${failed.length} failed; `);
  write(`${perSecond.toFixed(1)} per CPU second, ${Math.round(events / runs)} events each\n`);
  if (values.shrink && failed[0] !== undefined)
    write(`Shrunk:\n${describeRun(scenario.name, await shrink(scenario, failed[0]))}`);
  return failed.length === 0 ? 0 : 1;
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} must be a whole number above 0, not "${text}"`);
  return Number(text);
}

process.exitCode = await main();
