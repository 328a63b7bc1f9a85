// From the claims of a job's token to what the job may pull.
import type { JWTPayload } from 'jose';
import { matchesWildcard } from './matches-wildcard.ts';
import type { OidcIssuer, OidcRule } from './oidc-issuer.ts';

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
