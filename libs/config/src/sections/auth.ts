// Who may pull at all.
import type { z } from 'zod';
import { isHeader } from '../values/header-syntax.ts';
import { duration, filePath, flag, openSection, section, serverUrl, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';
import { buildOidc, type OidcIssuerConfig, oidcSection } from './oidc.ts';
import { buildToken, type ExternalTokensConfig, tokenSection } from './token.ts';
import type { UpstreamConfig } from './upstreams.ts';

export const authSection = section(
  { text: 'Who may pull.', default: 'everybody, whatever they show' },
  {
    htpasswd: openSection(
      'Users with passwords, which the file holds hashed by bcrypt (`htpasswd -B`), of a cost of 14 at most.',
      {
        realm: text('What clients show to people who are asked for a password.'),
        path: filePath('The file. It is read again when it changes.'),
      },
    ).optional(),
    token: tokenSection,
    robots: flag('Lets robots in, with a token of `cistern token create` for a password.').prefault('false'),
    oidc: oidcSection,
    tokenserver: openSection(
      {
        text: 'Has clients exchange what they log in with for an access token, at `/token` of this cache. `{}` is enough.',
        default: 'clients show their passwords with every request',
      },
      {
        url: serverUrl({
          text: 'Where clients reach this cache, for example `https://cache.example.com`.',
          default: 'the host that a client has asked; where a proxy ends TLS it has to be one of `http.trustedproxies`',
        }).optional(),
        service: text('What this cache is called in tokens.').prefault('cistern'),
        lifetime: duration('How long an access token is good; so long a user who was removed may go on.').prefault(
          '5m',
        ),
      },
    ).optional(),
  },
);

interface HtpasswdConfig {
  readonly path: string;
}

interface TokenServerConfig {
  /** Of the place where tokens are; `undefined`: at the host that a client has asked. */
  readonly url: string | undefined;
  readonly service: string;
  readonly lifetimeMs: number;
}

export interface AuthConfig {
  readonly htpasswd: HtpasswdConfig | undefined;
  /** Alone. */
  readonly externalTokens: ExternalTokensConfig | undefined;
  readonly robots: boolean;
  readonly oidc: readonly OidcIssuerConfig[];
  readonly tokenServer: TokenServerConfig | undefined;
  /** Characters that a header can hold. */
  readonly realm: string;
}

const minLifetimeMs = 60_000;
const maxLifetimeMs = 3_600_000;

export function buildAuth(auth: z.output<typeof authSection>, context: SectionContext): AuthConfig {
  const { htpasswd, token, robots, tokenserver } = auth;
  const oidc = buildOidc(auth.oidc, context);
  if (token !== undefined && (htpasswd !== undefined || robots || oidc.length > 0 || tokenserver !== undefined))
    context.report('auth.token', 'stands alone: clients log in to the token server then, and nowhere else');
  for (const key of ['realm', 'service'] as const)
    if (token !== undefined) checkHeaderText(context, `auth.token.${key}`, token[key]);
  if (htpasswd !== undefined) checkHeaderText(context, 'auth.htpasswd.realm', htpasswd.realm);
  if (tokenserver !== undefined && htpasswd === undefined && !robots)
    context.report(
      'auth.tokenserver',
      'needs something that clients can log in with: add auth.htpasswd or auth.robots',
    );
  return {
    htpasswd,
    externalTokens: token && buildToken(token, context),
    robots,
    oidc,
    tokenServer: tokenserver && buildTokenServer(tokenserver, context),
    realm: htpasswd?.realm ?? 'cistern',
  };
}

/** One header says who somebody is: it cannot be said to us and to an upstream as well. */
export function checkNoVerified(
  auth: AuthConfig,
  upstreams: readonly Pick<UpstreamConfig, 'name' | 'rememberAccessMs'>[],
  context: SectionContext,
): void {
  const verified = upstreams.find(({ rememberAccessMs }) => rememberAccessMs !== undefined);
  const { htpasswd, externalTokens, robots, oidc } = auth;
  const isOpen = htpasswd === undefined && externalTokens === undefined && !robots && oidc.length === 0;
  if (verified === undefined || isOpen) return;
  context.report(
    `upstreams.${verified.name}.access`,
    '`verify` and `auth` exclude each other: what clients show in the one Authorization header would be for both',
  );
}

function buildTokenServer(
  { url, service, lifetime }: NonNullable<z.output<typeof authSection>['tokenserver']>,
  context: SectionContext,
): TokenServerConfig {
  checkHeaderText(context, 'auth.tokenserver.service', service);
  if (lifetime < minLifetimeMs || lifetime > maxLifetimeMs)
    context.report('auth.tokenserver.lifetime', 'must be from 1m to 1h');
  return { url: url === undefined ? undefined : `${url}/token`, service, lifetimeMs: lifetime };
}

function checkHeaderText(context: SectionContext, path: string, value: string): void {
  if (value.trim() === '') return context.report(path, 'must not be empty');
  if (!isHeader('www-authenticate', value)) context.report(path, 'has characters that a header cannot hold');
}
