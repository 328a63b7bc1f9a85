// CI jobs, which show tokens of their issuer in place of passwords.
import { isIP } from 'node:net';
import type { z } from 'zod';
import { filePath, listOf, mapOf, openSection, text } from '../values/values.ts';
import { readNamedFile, type SectionContext } from './context.ts';

const rule = openSection('One rule.', {
  when: mapOf(
    'What claims of the token have to be: each one of its patterns. `*` is any text without a slash, `**` any text, `?` a character.',
    listOf('Patterns of one claim.', text('A pattern.')),
  ),
  pull: listOf(
    'What may be pulled then, as patterns of upstream and repository: `docker.io/library/*`, `ghcr.io/**`.',
    text('A pattern.'),
  ),
});

const issuer = openSection('One issuer.', {
  issuer: text(
    'Its URL as it stands in its tokens, for example `https://token.actions.githubusercontent.com` or `https://gitlab.com`.',
  ),
  audience: listOf('For whom tokens have to be made: this cache.', text('An audience.')),
  ca: filePath('PEM file of authorities to trust, besides the usual ones.').optional(),
  rules: listOf('What jobs may pull: what all rules give together that a token meets.', rule),
  labels: listOf('Claims that stand in the log with each request.', text('The name of a claim.')).prefault([]),
});

export const oidcSection = mapOf(
  'Issuers of tokens for CI jobs, by names of yours. A job logs in with its token for a password.',
  issuer,
).prefault({});

export interface OidcIssuerConfig {
  readonly name: string;
  /** Exactly as its tokens have it. */
  readonly url: string;
  readonly audiences: readonly string[];
  /** PEM. */
  readonly ca: string | undefined;
  readonly rules: readonly {
    readonly when: Readonly<Record<string, readonly string[]>>;
    readonly grants: readonly string[];
  }[];
  readonly labels: readonly string[];
}

const namePattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** Or nearly everything: of most claims all texts have as many parts. */
const fitsEverything = /^[*?/:]+$/;
/** Behind a slash a star is among the names of one owner. */
const prefixPattern = /^([^/]*?\w)\*+/;
const grantPattern = /^[\w.:*?{},[\]-]+(?:\/[\w.:*?{},[\]-]+)*$/;

export function buildOidc(issuers: z.output<typeof oidcSection>, context: SectionContext): readonly OidcIssuerConfig[] {
  const seen = new Map<string, string>();
  return Object.entries(issuers).map(([name, { issuer: url, audience, ca, rules, labels }]) => {
    const path = `auth.oidc.${name}`;
    if (!namePattern.test(name))
      context.report(path, 'is no name for an issuer: use lower-case letters, digits and "-"');
    checkIssuer(url, `${path}.issuer`, context);
    const other = seen.get(url);
    if (other !== undefined) context.report(`${path}.issuer`, `is the issuer of auth.oidc.${other} already`);
    seen.set(url, name);
    if (audience.length === 0 || audience.some((one) => one.trim() === ''))
      context.report(`${path}.audience`, 'must name this cache: without it any token of the issuer would do');
    if (rules.length === 0) context.report(`${path}.rules`, 'must have a rule: without one nobody comes in');
    for (const [at, { when, pull }] of rules.entries()) checkRule(when, pull, `${path}.rules[${at}]`, context);
    return {
      name,
      url,
      audiences: audience,
      ca: readNamedFile(context, `${path}.ca`, ca),
      rules: rules.map(({ when, pull }) => ({ when, grants: pull })),
      labels,
    };
  });
}

function checkIssuer(given: string, path: string, context: SectionContext): void {
  const url = URL.parse(given);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return context.report(path, 'must be a URL that begins with https://');
  const { hostname, protocol } = url;
  const isHere =
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
  if (protocol !== 'https:' && !(protocol === 'http:' && isHere))
    context.report(path, 'must begin with https://: whoever could change its keys on the way could come in as anybody');
}

function checkRule(
  when: Readonly<Record<string, readonly string[]>>,
  pull: readonly string[],
  path: string,
  context: SectionContext,
): void {
  if (Object.values(when).every((patterns) => patterns.some((pattern) => fitsEverything.test(pattern))))
    context.report(
      `${path}.when`,
      'must ask for something: an issuer such as GitHub gives tokens to everybody. For example { repository_owner: your-organisation }',
    );
  for (const [claim, patterns] of Object.entries(when)) {
    if (patterns.length === 0) context.report(`${path}.when.${claim}`, 'must have a pattern');
    for (const pattern of patterns) warnOfPrefix(pattern, `${path}.when.${claim}`, context);
  }
  if (pull.length === 0) context.report(`${path}.pull`, 'must have a pattern: "**" is everything');
  for (const pattern of pull)
    if (!grantPattern.test(pattern))
      context.report(
        `${path}.pull`,
        `"${pattern}" is no pattern of upstream and repository such as docker.io/library/* or ghcr.io/**`,
      );
}

/** Anybody may call an organisation `acme-evil`. */
function warnOfPrefix(pattern: string, path: string, context: SectionContext): void {
  const prefix = prefixPattern.exec(pattern)?.[1];
  if (prefix === undefined) return;
  context.warn(
    path,
    `"${pattern}" also fits "${prefix}-evil", which others may own. Write "${prefix}/*" for names in ${prefix}, "${prefix}/**" for all names below it`,
  );
}
