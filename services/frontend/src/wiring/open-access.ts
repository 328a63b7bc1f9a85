// Opens the authentication of clients, as configured.
import { type AccessTokens, acceptAllClients, type Authenticator } from '@cistern/auth';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import type { Closers } from '@cistern/runtime';
import type { Shared } from '@cistern/assembly';

export interface Access {
  readonly authenticator: Authenticator;
  /** Unset means that this cache issues no access tokens: clients send their credentials with every request. */
  readonly tokenServer: { readonly accessTokens: AccessTokens; readonly realm: string } | undefined;
}

export type AccessConfig = Pick<Config, 'auth' | 'cluster' | 'redis'>;
export type AccessParts = Pick<Shared, 'index' | 'store' | 'jobs'>;

/** Rejects with ConfigError if a file is invalid. Only nodes that serve clients read these files. */
export async function openAccess(
  config: AccessConfig,
  parts: AccessParts,
  log: Logger,
  closers: Closers,
): Promise<Access> {
  const { htpasswd, externalTokens, robots, oidc } = config.auth;
  if (htpasswd === undefined && externalTokens === undefined && !robots && oidc.length === 0)
    return { authenticator: acceptAllClients(), tokenServer: undefined };
  const { openCredentialAccess } = await import('./open-credential-access.ts');
  return openCredentialAccess(config, parts, log, closers);
}
