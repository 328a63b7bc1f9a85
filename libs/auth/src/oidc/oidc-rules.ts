// Maps the claims of a job's token to the repositories that the job may pull.
import type { JWTPayload } from 'jose';

/** Returns the grants of all matching rules; `undefined` if none matches. */
export function grantsOf({ rules }: OidcIssuer, claims: JWTPayload): readonly string[] | undefined {
  const met = rules.filter((rule) => isMet(rule, claims));
  return met.length === 0 ? undefined : [...new Set(met.flatMap(({ grants }) => grants))];
}

/** Returns the claims that the issuer's configuration selects as labels. Long values are truncated. */
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

/** Claims are strings, numbers, booleans or lists of them. */
function textsOf(claim: unknown): readonly string[] {
  if (Array.isArray(claim)) return claim.flatMap(textsOf);
  return typeof claim === 'string' || typeof claim === 'number' || typeof claim === 'boolean' ? [String(claim)] : [];
}

/** An issuer that signs tokens for jobs, and the grants of jobs by their claims. */
export interface OidcIssuer {
  /** Name in the log and in the names of its identities. */
  readonly name: string;
  /** Must equal the claim `iss`. */
  readonly url: string;
  /** One of these must be in the claim `aud`. This proves that the token was issued for this cache. */
  readonly audiences: readonly string[];
  readonly rules: readonly OidcRule[];
  /** Names of the claims that the log shows for an identity. */
  readonly labels: readonly string[];
}

interface OidcRule {
  /** Every claim must match one of its patterns, in the syntax of `matchesWildcard`. Never empty. */
  readonly when: Readonly<Record<string, readonly string[]>>;
  /** Globs of `<upstream>/<repository>`. */
  readonly grants: readonly string[];
}

/**
 * Matches a claim against a pattern. Rules grant access by patterns, so `*` stops at a slash: `acme/*` matches
 * `acme/app` and nothing below it. `*` is any text without a slash, `**` is any text, and `?` is any character but a
 * slash. The time is at most proportional to the product of both lengths, for any claim.
 */
export function matchesWildcard(text: string, pattern: string): boolean {
  const steps = pattern.match(/\*+|[^*]/gs) ?? [];
  /** `fits[n]` is true if the first `n` steps match the text that was read so far. */
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

/** A star also matches an empty text. */
function skipStars(steps: readonly string[], fits: boolean[]): void {
  for (const [at, step] of steps.entries()) if (fits[at] === true && step.startsWith('*')) fits[at + 1] = true;
}
