// One mutant: planted in a copy of the tree, hunted by its tests, and taken out again.
import { spawnSync } from 'node:child_process';
import type { Mutant } from './parse-mutant.ts';
import { judge, isKilledBy, type Outcome, type Run, type Verdict } from './verdict.ts';

export interface TryMutantDeps {
  /** The copy, without a bug before and after. */
  readonly tree: string;
  readonly run: (file: string) => Promise<Outcome>;
  /** The same file without the bug. */
  readonly runClean: (file: string) => Promise<Outcome>;
}

/** Ends with the first test file that kills it. After a rejection the copy is of no use any more. */
export async function tryMutant(
  { tree, run, runClean }: TryMutantDeps,
  { patch }: Mutant,
  tests: readonly string[],
): Promise<Verdict> {
  const refused = apply(tree, patch);
  if (refused !== undefined) return { kind: 'does-not-apply', message: refused };
  const runs: Run[] = [];
  for (const file of tests) {
    const mutated = await run(file);
    const done = mutated.kind === 'passed' ? { file, mutated } : await confirm(file, mutated);
    runs.push(done);
    if (isKilledBy(done) || done.mutated.kind === 'broken') break;
  }
  const left = apply(tree, patch, '--reverse');
  if (left !== undefined) throw new Error(`a mutant cannot be taken out again: ${left}`);
  return judge(runs);

  async function confirm(file: string, mutated: Outcome): Promise<Run> {
    const clean = await runClean(file);
    if (mutated.kind === 'broken' || clean.kind !== 'passed') return { file, mutated, clean };
    return { file, mutated, clean, again: await run(file) };
  }
}

/** Why the patch does not apply. */
function apply(tree: string, patch: string, ...options: readonly string[]): string | undefined {
  // Of a copy that lies in no repository, or in none that knows it.
  const args = ['apply', '--whitespace=nowarn', ...options, '-'];
  const env = { ...process.env, GIT_DIR: '/dev/null' };
  const { status, stderr } = spawnSync('git', args, { cwd: tree, env, input: patch, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}
