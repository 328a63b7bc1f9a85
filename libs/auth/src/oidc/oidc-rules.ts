// From the claims of a job's token to what the job may pull.
import type { JWTPayload } from 'jose';

/** Of all rules that the claims meet; `undefined`: they meet none. */
export function grantsOf({ rules }: OidcIssuer, claims: JWTPayload): readonly string[] | undefined {
  const met = rules.filter((rule) => isMet(rule, claims));
  return met.length === 0 ? undefined : [...new Set(met.flatMap(({ grants }) => grants))];
}

/** Of the claims that the issuer's configuration names, those that there are; long ones are cut. */
export function labelsOf({ labels }: OidcIssuer, claims: JWTPayload): Readonly<Record<string, string>> {
  const found = labels.map((name) => [name, textsOf(claims[name]).join(',').slice(0, maxLabelLength)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== ''));
}

const maxLabelLength = 200;

function isMet({ when }: OidcRule, claims: JWTPayload): boolean {
  const conditions = Object.entries(when);
  return (
    conditions.length > 0 &&
    conditions.every(([name, patterns]) =>
      textsOf(claims[name]).some((text) => patterns.some((pattern) => matchesWildcard(text, pattern))),
    )
  );
}

/** Claims are texts, numbers, yes or no, or lists of them. */
function textsOf(claim: unknown): readonly string[] {
  if (Array.isArray(claim)) return claim.flatMap(textsOf);
  return typeof claim === 'string' || typeof claim === 'number' || typeof claim === 'boolean' ? [String(claim)] : [];
}

/** An issuer that signs tokens for jobs, and what jobs get for which claims. */
export interface OidcIssuer {
  /** In the log and in the names of its identities. */
  readonly name: string;
  /** Exactly as it stands in `iss`. */
  readonly url: string;
  /** Of which one has to stand in `aud`: the token was made for this cache. */
  readonly audiences: readonly string[];
  readonly rules: readonly OidcRule[];
  /** Claims that the log has of an identity, for attribution. */
  readonly labels: readonly string[];
}

interface OidcRule {
  /** Every claim has to match one of its patterns, as `matchesWildcard` takes them. Never empty. */
  readonly when: Readonly<Record<string, readonly string[]>>;
  /** Globs of `<upstream>/<repository>`. */
  readonly grants: readonly string[];
}

/**
 * Patterns of claims. A rule grants by them, so `*` stops at a slash: `acme/*` fits `acme/app` and nothing below it. `*` is any
 * text without a slash, `**` any text, `?` any character but a slash; the rest is itself. Takes no more time than the product of
 * both lengths, whatever a claim says.
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
