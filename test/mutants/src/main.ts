// Tries the mutants, several at a time, and prints their verdicts. Exits with 1 if fewer than 95 % are killed, or if a
// mutant is no longer valid.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { copyTree, fingerprintOf, listTree } from './copy-tree.ts';
import { describeVerdicts, type Judged } from './describe-verdicts.ts';
import { readImportGraph } from './import-graph.ts';
import { parseMutant } from './parse-mutant.ts';
import { openResults } from './results.ts';
import { runTestFile } from './run-test-file.ts';
import { testsOf } from './tests-of.ts';
import { tryMutant } from './try-mutant.ts';
import { killedShare, type Outcome } from './verdict.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, list: { type: 'boolean', default: false } } });
const root = resolve(import.meta.dirname, '../../..');
const leastShare = 0.95;

const all = readdirSync(join(root, 'test/mutants'))
  .filter((name) => name.endsWith('.patch'))
  .sort()
  .map((name) => parseMutant(name.slice(0, -'.patch'.length), readFileSync(join(root, 'test/mutants', name), 'utf8')));
const mutants = all.filter(({ name }) => name.startsWith(values.only ?? ''));
if (mutants.length === 0) throw new Error(`No mutant is called ${values.only}. --list shows all.`);

const files = listTree(root);
const graph = readImportGraph(root, ['libs', 'services', 'test']);
const targets = new Map(mutants.map((mutant) => [mutant, testsOf(mutant, graph, files)]));

if (values.list) {
  for (const [{ name, bug }, tests] of targets) process.stdout.write(`${name}: ${bug}\n  ${tests.join('\n  ')}\n`);
} else process.exitCode = await hunt();

async function hunt(): Promise<number> {
  const results = openResults(join(root, 'node_modules/.cache/mutants.json'), fingerprintOf(root, files));
  const directory = mkdtempSync(join(tmpdir(), 'cistern-mutants-'));
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort(new Error(signal)));
  const judged: Judged[] = [];
  const waiting = mutants.filter(({ name, patch }) => {
    const known = values.only === undefined ? results.verdictOf(name, patch) : undefined;
    if (known !== undefined) judged.push({ name, verdict: known });
    return known === undefined;
  });

  const copy = (name: string): string => {
    const tree = join(directory, name);
    mkdirSync(tree);
    copyTree(root, files, tree);
    return tree;
  };
  const cleanTree = copy('clean');
  const cleaning = new Map<string, Promise<Outcome>>();
  const runClean = async (file: string): Promise<Outcome> => {
    results.clean[file] ??= await (cleaning.get(file) ?? startClean(file));
    return results.clean[file];
  };
  const startClean = (file: string): Promise<Outcome> => {
    const running = runTestFile(cleanTree, file, ending.signal);
    cleaning.set(file, running);
    return running;
  };

  const work = async (tree: string): Promise<void> => {
    const run = (file: string) => runTestFile(tree, file, ending.signal);
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { name, patch } = mutant;
      const verdict = await tryMutant({ tree, run, runClean }, mutant, targets.get(mutant) ?? []);
      results.keep(name, patch, verdict);
      judged.push({ name, verdict });
      process.stdout.write(`${judged.length}/${mutants.length} ${describeVerdicts([{ name, verdict }])}`);
    }
  };

  // Tests wait half of their time.
  const workers = Math.min(waiting.length, availableParallelism() + 1);
  const ended = await Promise.allSettled(Array.from({ length: workers }, (_, number) => work(copy(String(number)))));
  results.save();
  rmSync(directory, { recursive: true, force: true });
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  const verdicts = judged.map(({ verdict }) => verdict);
  const share = killedShare(verdicts);
  process.stdout.write(`\n${describeVerdicts(judged.sort((one, other) => (one.name < other.name ? -1 : 1)))}`);
  process.stdout.write(`${(share * 100).toFixed(1)} % killed\n`);
  const isSound = verdicts.every(({ kind }) => kind === 'killed' || kind === 'survived');
  return isSound && share >= leastShare ? 0 : 1;
}
