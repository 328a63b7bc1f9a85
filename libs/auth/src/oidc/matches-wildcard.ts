// Patterns of claims. A rule grants by them, so `*` stops at a slash: `acme/*` fits `acme/app` and nothing below it.

/**
 * `*` is any text without a slash, `**` any text, `?` any character but a slash; the rest is itself. Takes no more time than the
 * product of both lengths, whatever a claim says.
 */
export function matchesWildcard(text: string, pattern: string): boolean {
  const steps = pattern.match(/\*+|[^*]/gs) ?? [];
  /** Whether the first so many steps fit what was read. */
  let fits = steps.map(() => false).concat(false);
  fits[0] = true;
  skipStars(steps, fits);
  for (const character of text.split('')) {
    const next = fits.map(() => false);
    for (const [at, step] of steps.entries()) {
      if (fits[at] !== true) continue;
      if (step.startsWith('*')) next[at] = step !== '*' || character !== '/';
      else if (step === '?' ? character !== '/' : step === character) next[at + 1] = true;
    }
    skipStars(steps, next);
    fits = next;
  }
  return fits[steps.length] === true;
}

/** A star may stand for nothing. */
function skipStars(steps: readonly string[], fits: boolean[]): void {
  for (const [at, step] of steps.entries()) if (fits[at] === true && step.startsWith('*')) fits[at + 1] = true;
}
