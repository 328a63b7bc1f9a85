// Runs workloads against contenders in turn and prints medians; fails when a ratio has fallen by more than its noise.
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { ensureDebianPackages } from '@cistern/test-services';
import { baselineOf, fallenBelow, readBaseline } from './baseline.ts';
import { type Contender, type ContenderKind, type ContenderName, contenders } from './contenders.ts';
import { drawChart } from './draw-chart.ts';
import { measure } from './measure.ts';
import { measureStart } from './measure-start.ts';
import { type Measured, ratiosOf, tableOf } from './report.ts';
import { workloads } from './workloads.ts';

const root = resolve(import.meta.dirname, '../../..');
const files = { baseline: join(root, 'test/bench/baseline.json'), readme: join(root, 'README.md') };
const chartFile = join(root, 'docs/bench.svg');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    contenders: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [
  Number(values.rounds ?? (values.full ? 5 : 3)),
  Number(values.seconds ?? (values.full ? 5 : 1)),
];
const start = 'start';
const chosen = chooseFrom([start, ...Object.keys(workloads)], positionals, 'workload');
const names = chooseContenders();
const say = (text: string) => void process.stderr.write(`${text}\n`);

await ensureDebianPackages(['wrk']);
const upstream = await startFakeUpstream();
const running = new Map<ContenderName, Contender>();
const measured: Measured[] = [];
try {
  if (chosen.includes(start)) {
    const started = names.filter((name) => !isSlowToStart(name));
    const results = await measureStart({ names: started, upstreamUrl: upstream.url, rounds, say });
    const title = 'Start to first answer, and idle memory';
    measured.push({ workload: start, title, headline: 'first answer ms', rounds: results });
  }
  for (const name of names) {
    say(`starting ${name}`);
    running.set(name, await contenders[name].start(upstream.url));
  }
  for (const workload of chosen.filter((name) => name !== start)) {
    const { title, headline } = workloads[workload]!;
    const results = await measure(workloads[workload]!, { running, upstream, rounds, seconds, say });
    measured.push({ workload, title, headline, rounds: results });
  }
} finally {
  for (const contender of running.values()) await contender.close();
  await upstream.close();
}

const table = tableOf(measured);
const ratios = measured.flatMap((one) => ratiosOf(one));
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}`;
process.stdout.write(`${machine}, medians of ${rounds} rounds; in brackets how much better Cistern is\n\n${table}\n`);
if (values.json !== undefined)
  await writeFile(values.json, `${JSON.stringify({ machine, rounds, seconds, ratios, measured: plain() }, null, 2)}\n`);
if (values.write) await write();
else complainOf(fallenBelow(await readBaseline(files.baseline), ratios));

function chooseFrom(known: readonly string[], wanted: readonly string[], what: string): readonly string[] {
  for (const name of wanted)
    if (!known.includes(name)) throw new Error(`no ${what} "${name}"; there are ${known.join(', ')}`);
  return wanted.length > 0 ? wanted : known;
}

function chooseContenders(): ContenderName[] {
  const known = Object.keys(contenders) as ContenderName[];
  if (values.contenders !== undefined)
    return [...chooseFrom(known, values.contenders.split(','), 'contender')] as ContenderName[];
  return known.filter((name) => values.full || !isSlowToStart(name));
}

function isSlowToStart(name: ContenderName): boolean {
  return (contenders[name] as ContenderKind).isSlowToStart === true;
}

function plain() {
  return measured.map((one) => ({ ...one, rounds: Object.fromEntries(one.rounds) }));
}

/** The baseline, the README's table and its picture. */
async function write(): Promise<void> {
  await writeFile(files.baseline, `${JSON.stringify(baselineOf(ratios), null, 2)}\n`);
  await writeFile(chartFile, drawChart(measured));
  const readme = await readFile(files.readme, 'utf8');
  const between = /(<!-- bench -->\n)[\s\S]*(<!-- \/bench -->)/;
  if (!between.test(readme)) throw new Error(`${files.readme} has no place for the table`);
  const text = `\n${machine}; medians of ${rounds} rounds, in brackets how much better Cistern is.\n\n${table}\n`;
  await writeFile(
    files.readme,
    readme.replace(between, (_match, before: string, after: string) => before + text + after),
  );
}

function complainOf(fallen: readonly string[]): void {
  if (fallen.length === 0) return;
  process.stderr.write(`Ratios that have fallen by more than their noise:\n  ${fallen.join('\n  ')}\n`);
  process.exitCode = 1;
}
