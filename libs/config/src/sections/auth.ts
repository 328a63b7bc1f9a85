// The section `auth`: authentication of clients.
import type { z } from 'zod';
import { isHeader } from '../values/header-syntax.ts';
import { duration, filePath, flag, openSection, section, serverUrl, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';
import { buildOidc, type OidcIssuerConfig, oidcSection } from './oidc.ts';
import { buildToken, type ExternalTokensConfig, tokenSection } from './token.ts';
import type { UpstreamConfig } from './upstreams.ts';

export const authSection = section(
  { text: 'Authentication of clients.', default: 'all clients may pull, and their credentials are ignored' },
  {
    htpasswd: openSection(
      'Users with passwords, in a file with bcrypt hashes (`htpasswd -B`) of a cost of at most 14.',
      {
        realm: text('The name of the cache in password prompts of clients.'),
        path: filePath('The file. It is read again when it changes.'),
      },
    ).optional(),
    token: tokenSection,
    robots: flag('Accepts tokens of `cistern token create` as passwords.').prefault('false'),
    oidc: oidcSection,
    tokenserver: openSection(
      {
        text: 'Clients exchange their credentials for an access token, at `/token` of this cache. `{}` is sufficient.',
        default: 'clients send their passwords with every request',
      },
      {
        url: serverUrl({
          text: 'The URL of this cache for clients, for example `https://cache.example.com`.',
          default: "the host of the client's request; a proxy that terminates TLS must be in `http.trustedproxies`",
        }).optional(),
        service: text('The name of this cache in tokens.').prefault('cistern'),
        lifetime: duration('The lifetime of an access token. A removed user keeps access for this time.').prefault(
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
  /** The URL of the token endpoint. `undefined` means `/token` at the host of the client's request. */
  readonly url: string | undefined;
  readonly service: string;
  readonly lifetimeMs: number;
}

export interface AuthConfig {
  readonly htpasswd: HtpasswdConfig | undefined;
  /** The external token server. If it is set, clients log in only there, and the other keys of `auth` must be unset. */
  readonly externalTokens: ExternalTokensConfig | undefined;
  readonly robots: boolean;
  readonly oidc: readonly OidcIssuerConfig[];
  readonly tokenServer: TokenServerConfig | undefined;
  /** The name of the cache in password prompts. It has only characters that are valid in a header. */
  readonly realm: string;
}

const minLifetimeMs = 60_000;
const maxLifetimeMs = 3_600_000;

export function buildAuth(auth: z.output<typeof authSection>, context: SectionContext): AuthConfig {
  const { htpasswd, token, robots, tokenserver } = auth;
  const oidc = buildOidc(auth.oidc, context);
  if (token !== undefined && (htpasswd !== undefined || robots || oidc.length > 0 || tokenserver !== undefined))
    context.report(
      'auth.token',
      'excludes the other keys of auth, because clients then log in only to the token server: remove them, or auth.token',
    );
  for (const key of ['realm', 'service'] as const)
    if (token !== undefined) checkHeaderText(context, `auth.token.${key}`, token[key]);
  if (htpasswd !== undefined) checkHeaderText(context, 'auth.htpasswd.realm', htpasswd.realm);
  if (tokenserver !== undefined && htpasswd === undefined && !robots)
    context.report('auth.tokenserver', 'needs a way for clients to log in: add auth.htpasswd or auth.robots');
  return {
    htpasswd,
    externalTokens: token && buildToken(token, context),
    robots,
    oidc,
    tokenServer: tokenserver && buildTokenServer(tokenserver, context),
    realm: htpasswd?.realm ?? 'cistern',
  };
}

/**
 * Reports a configuration with both `access: verify` and `auth`. A request has only one Authorization header, so the
 * header cannot be for this cache and for an upstream.
 */
export function checkVerifyWithoutAuth(
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
    '`verify` and `auth` exclude each other, because both need the Authorization header of clients: remove one of them',
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
  if (!isHeader('www-authenticate', value))
    context.report(path, 'has characters that a header must not contain: remove them');
}
