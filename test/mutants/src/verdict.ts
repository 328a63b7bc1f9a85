// Derives a verdict from the runs of a mutant's tests.

/** The outcome of one test file. `broken` means that it could not be loaded, so none of its tests judged the bug. */
export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly test: string; readonly message: string }
  | { readonly kind: 'broken'; readonly message: string };

/** One test file with the bug. After a failure it runs a second time, and without the bug. */
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

/** Returns whether a test file kills a mutant: it fails with it twice and passes without it. */
export function isKilledBy({ mutated, again, clean }: Run): boolean {
  return mutated.kind === 'failed' && again?.kind === 'failed' && clean?.kind === 'passed';
}

/** Returns why a failure does not count, or `undefined` if there was none, or if it does count. */
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

/** Returns the share among the valid mutants. */
export function killedShare(verdicts: readonly Verdict[]): number {
  const judged = verdicts.filter(({ kind }) => kind === 'killed' || kind === 'survived');
  return judged.length === 0 ? 1 : judged.filter(({ kind }) => kind === 'killed').length / judged.length;
}
