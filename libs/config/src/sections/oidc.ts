// The section `auth.oidc`: logins of CI jobs, which send a token of their issuer instead of a password.
import { isIP } from 'node:net';
import type { z } from 'zod';
import { filePath, listOf, mapOf, openSection, text } from '../values/values.ts';
import { readNamedFile, type SectionContext } from './context.ts';

const rule = openSection('One rule.', {
  when: mapOf(
    'Patterns by claim of the token. Each claim must match one of its patterns. `*` is any text without a slash, `**` any text, `?` one character.',
    listOf('Patterns of one claim.', text('A pattern.')),
  ),
  pull: listOf(
    'Patterns of upstream and repository that the job may pull: `docker.io/library/*`, `ghcr.io/**`.',
    text('A pattern.'),
  ),
});

const issuer = openSection('One issuer.', {
  issuer: text(
    'The URL of the issuer, exactly as in its tokens, for example `https://token.actions.githubusercontent.com` or `https://gitlab.com`.',
  ),
  audience: listOf('The audience that tokens must have: the name of this cache.', text('An audience.')),
  ca: filePath("PEM file of further CA certificates to trust, in addition to the system's.").optional(),
  rules: listOf('The rules. A job may pull everything that the matching rules allow together.', rule),
  labels: listOf('Claims that are logged with each request.', text('The name of a claim.')).prefault([]),
});

export const oidcSection = mapOf(
  'Issuers of tokens for CI jobs, by a name of your choice. A job logs in with its token as the password.',
  issuer,
).prefault({});

export interface OidcIssuerConfig {
  readonly name: string;
  /** The URL exactly as in the tokens of the issuer. */
  readonly url: string;
  readonly audiences: readonly string[];
  /** CA certificates to trust in addition to the system's, in PEM. */
  readonly ca: string | undefined;
  readonly rules: readonly {
    readonly when: Readonly<Record<string, readonly string[]>>;
    readonly grants: readonly string[];
  }[];
  readonly labels: readonly string[];
}

const namePattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/**
 * Matches patterns without text of their own, such as `**` or `*:*`. They accept every value, or nearly every value:
 * most claims have a fixed number of parts, so a star for each part accepts every value.
 */
const fitsEverything = /^[*?/:]+$/;
/**
 * Matches a pattern such as `acme*`, in which a star follows a name without a slash. Such a pattern is risky. A star
 * after a slash matches only names of one owner.
 */
const prefixPattern = /^([^/]*?\w)\*+/;
const grantPattern = /^[\w.:*?{},[\]-]+(?:\/[\w.:*?{},[\]-]+)*$/;

export function buildOidc(issuers: z.output<typeof oidcSection>, context: SectionContext): readonly OidcIssuerConfig[] {
  const seen = new Map<string, string>();
  return Object.entries(issuers).map(([name, { issuer: url, audience, ca, rules, labels }]) => {
    const path = `auth.oidc.${name}`;
    if (!namePattern.test(name)) context.report(path, 'is not a valid name: use lower-case letters, digits and "-"');
    checkIssuer(url, `${path}.issuer`, context);
    const other = seen.get(url);
    if (other !== undefined)
      context.report(`${path}.issuer`, `is already the issuer of auth.oidc.${other}: merge the two entries`);
    seen.set(url, name);
    if (audience.length === 0 || audience.some((one) => one.trim() === ''))
      context.report(
        `${path}.audience`,
        'must name this cache, because otherwise any token of the issuer would be accepted',
      );
    if (rules.length === 0)
      context.report(`${path}.rules`, 'must have a rule, because without rules every job is rejected');
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
    context.report(
      path,
      'must begin with https://, because an attacker could change its keys in transit and forge tokens of its jobs',
    );
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
      'must restrict a claim, because an issuer such as GitHub gives tokens to any job. For example { repository_owner: your-organisation }',
    );
  for (const [claim, patterns] of Object.entries(when)) {
    if (patterns.length === 0) context.report(`${path}.when.${claim}`, 'must have a pattern');
    for (const pattern of patterns) warnOfPrefix(pattern, `${path}.when.${claim}`, context);
  }
  if (pull.length === 0) context.report(`${path}.pull`, 'must have a pattern: "**" matches everything');
  for (const pattern of pull)
    if (!grantPattern.test(pattern))
      context.report(
        `${path}.pull`,
        `"${pattern}" is not a pattern of upstream and repository: write one like docker.io/library/* or ghcr.io/**`,
      );
}

/** Warns about a pattern such as `acme*`, because a stranger can create an organisation `acme-evil`. */
function warnOfPrefix(pattern: string, path: string, context: SectionContext): void {
  const prefix = prefixPattern.exec(pattern)?.[1];
  if (prefix === undefined) return;
  context.warn(
    path,
    `"${pattern}" also matches "${prefix}-evil", which a stranger may own. Write "${prefix}/*" for names in ${prefix}, or "${prefix}/**" for all names below it`,
  );
}
