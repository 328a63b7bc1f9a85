// Tries one mutant: plants it in a copy of the tree, runs its tests, and removes it.
import { spawnSync } from 'node:child_process';
import type { Mutant } from './parse-mutant.ts';
import { judge, isKilledBy, type Outcome, type Run, type Verdict } from './verdict.ts';

export interface TryMutantDeps {
  /** The copy, which has no bug before and after. */
  readonly tree: string;
  readonly run: (file: string) => Promise<Outcome>;
  /** Runs the same file without the bug. */
  readonly runClean: (file: string) => Promise<Outcome>;
}

/** Stops at the first test file that kills the mutant. After a rejection the copy must not be used again. */
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
  if (left !== undefined) throw new Error(`the mutant could not be removed: ${left}`);
  return judge(runs);

  async function confirm(file: string, mutated: Outcome): Promise<Run> {
    const clean = await runClean(file);
    if (mutated.kind === 'broken' || clean.kind !== 'passed') return { file, mutated, clean };
    return { file, mutated, clean, again: await run(file) };
  }
}

/** Returns the reason why the patch does not apply, if any. */
function apply(tree: string, patch: string, ...options: readonly string[]): string | undefined {
  // The copy is in no repository, so git must not look for one.
  const args = ['apply', '--whitespace=nowarn', ...options, '-'];
  const env = { ...process.env, GIT_DIR: '/dev/null' };
  const { status, stderr } = spawnSync('git', args, { cwd: tree, env, input: patch, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}
