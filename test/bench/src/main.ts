// Runs the cases, subject after subject and round after round, and prints medians and the ratio to the peer.
import { parseArgs } from 'node:util';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { ensureDebianPackages } from '@cistern/test-services';
import { type Figure, cases } from './cases.ts';
import { peakMemoryBytes, subjects } from './subject.ts';

type SubjectName = keyof typeof subjects;
const names = Object.keys(subjects) as SubjectName[];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' } },
});
const rounds = Number(values.rounds);
const chosen = positionals.length > 0 ? positionals : Object.keys(cases);
for (const name of chosen)
  if (cases[name] === undefined) throw new Error(`no case "${name}"; there are ${Object.keys(cases).join(', ')}`);

await ensureDebianPackages(['wrk']);
process.stdout.write(`${rounds} rounds, medians; the peer is Debian's docker-registry (registry:2) as a proxy\n\n`);
for (const name of chosen) print(name, await measure(name));

async function measure(name: string): Promise<Map<SubjectName, readonly Figure[][]>> {
  const results = new Map<SubjectName, Figure[][]>(names.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const subjectName of round % 2 === 0 ? names : names.toReversed()) {
      process.stderr.write(`${name} round ${round + 1}/${rounds}: ${subjectName}\n`);
      const upstream = await startFakeUpstream();
      const subject = await subjects[subjectName](upstream.url);
      try {
        const figures = await cases[name]!(subject, upstream, round);
        const memory = peakMemoryBytes(subject.pid) / 1e6;
        results.get(subjectName)?.push([...figures, { name: 'peak RSS MB', value: memory, better: 'lower' }]);
      } finally {
        await subject.close();
        await upstream.close();
      }
    }
  return results;
}

function print(name: string, results: ReadonlyMap<SubjectName, readonly Figure[][]>): void {
  const [own = [], peer = []] = names.map((subject) => results.get(subject) ?? []);
  process.stdout.write(`${name.padEnd(24)}${'cistern'.padStart(12)}${'peer'.padStart(14)}   ratio\n`);
  for (const [position, figure] of (own[0] ?? []).entries()) {
    const [mine, theirs] = [own, peer].map((runs) =>
      median(runs.map((figures) => figures[position]?.value ?? Number.NaN)),
    );
    const ratio = figure.better === 'higher' ? mine! / theirs! : theirs! / mine!;
    process.stdout.write(
      `  ${figure.name.padEnd(22)}${format(mine!).padStart(12)}${format(theirs!).padStart(14)}   ${ratio.toFixed(2)}x better\n`,
    );
  }
  process.stdout.write('\n');
}

function median(values_: readonly number[]): number {
  return values_.toSorted((a, b) => a - b)[Math.floor(values_.length / 2)] ?? Number.NaN;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
