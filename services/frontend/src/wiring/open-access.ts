// Opens the authentication of clients, as configured.
import { acceptAllClients, type Authenticator, createMemoryTokenKeys } from '@cistern/auth';
import type { Config, NodeConfig } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import type { Closers } from '@cistern/runtime';
import type { Shared } from '@cistern/assembly';
import type { TokenServer } from '../token/add-token-routes.ts';

export interface Access {
  readonly authenticator: Authenticator;
  /** Unset means that this cache issues no access tokens: clients send their credentials with every request. */
  readonly tokenServer: TokenServer | undefined;
}

export type AccessConfig = Pick<Config, 'auth' | 'cluster' | 'redis'>;
export type AccessParts = Pick<Shared, 'index' | 'store' | 'jobs'>;
export type CredentialParts = AccessParts & { readonly memoryTokenKeys: ReturnType<typeof createMemoryTokenKeys> };

/** Rejects with ConfigError if a file is invalid. Only nodes that serve clients read these files. */
export function openAccess(
  { live, cluster, redis }: NodeConfig,
  parts: AccessParts,
  log: Logger,
  closers: Closers,
): Promise<() => Access> {
  // Access tokens stay valid when a reload changes `auth`.
  const memoryTokenKeys = createMemoryTokenKeys();
  return live.open(
    {
      name: 'the authentication of clients',
      select: ({ auth }) => auth,
      async open(auth, own) {
        const { htpasswd, externalTokens, robots, oidc } = auth;
        if (htpasswd === undefined && externalTokens === undefined && !robots && oidc.length === 0)
          return { authenticator: acceptAllClients(), tokenServer: undefined };
        const { openCredentialAccess } = await import('./open-credential-access.ts');
        return openCredentialAccess({ auth, cluster, redis }, { ...parts, memoryTokenKeys }, log, own);
      },
    },
    closers,
  );
}
