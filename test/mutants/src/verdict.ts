// What the runs of a mutant's tests come to.

/** How one test file ended. `broken`: it could not be loaded, so that no test of it has judged the bug. */
export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly test: string; readonly message: string }
  | { readonly kind: 'broken'; readonly message: string };

/** One test file, with the bug and, where it then failed, a second time and without the bug. */
export interface Run {
  readonly file: string;
  readonly mutated: Outcome;
  readonly again?: Outcome | undefined;
  readonly clean?: Outcome | undefined;
}

export type Verdict =
  | { readonly kind: 'killed'; readonly file: string; readonly test: string; readonly message: string }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'survived'; readonly files: number; readonly notes: readonly string[] }
  | { readonly kind: 'does-not-apply'; readonly message: string };

/** A test file kills a mutant if it fails with it twice and passes without it. */
export function isKilledBy({ mutated, again, clean }: Run): boolean {
  return mutated.kind === 'failed' && again?.kind === 'failed' && clean?.kind === 'passed';
}

/** Why a failure does not count; `undefined` where there was none, or it does. */
function noteOf(run: Run): string | undefined {
  if (run.mutated.kind === 'passed' || isKilledBy(run)) return undefined;
  if (run.clean !== undefined && run.clean.kind !== 'passed') return `${run.file} fails without the bug, too`;
  return `${run.file} failed once, and not again`;
}

export function judge(runs: readonly Run[]): Verdict {
  const killer = runs.find(isKilledBy);
  if (killer?.mutated.kind === 'failed') {
    const { test, message } = killer.mutated;
    return { kind: 'killed', file: killer.file, test, message };
  }
  const broken = runs.find(({ mutated, clean }) => mutated.kind === 'broken' && clean?.kind === 'passed');
  if (broken?.mutated.kind === 'broken')
    return { kind: 'invalid', message: `${broken.file}: ${broken.mutated.message}` };
  return { kind: 'survived', files: runs.length, notes: runs.map(noteOf).filter((note) => note !== undefined) };
}

/** Of those that say anything about the tests. */
export function killedShare(verdicts: readonly Verdict[]): number {
  const judged = verdicts.filter(({ kind }) => kind === 'killed' || kind === 'survived');
  return judged.length === 0 ? 1 : judged.filter(({ kind }) => kind === 'killed').length / judged.length;
}
