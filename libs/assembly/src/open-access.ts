// Who may pull, as the configuration says.
import {
  type AccessTokens,
  acceptEverybody,
  type Authenticator,
  createAccessTokens,
  createAuthenticator,
  createMemoryTokenKeys,
  openHtpasswd,
  type PasswordMethod,
} from '@cistern/auth';
import { type Config, ConfigError } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import type { Shared } from './open-shared.ts';
import { createStoreTokenKeys } from './store-token-keys.ts';

export interface Access {
  readonly authenticator: Authenticator;
  /** Absent: clients show passwords with every request. */
  readonly tokenServer: { readonly accessTokens: AccessTokens; readonly realm: string } | undefined;
}

/** Rejects with ConfigError for a file that only the nodes that serve clients need to have. */
export async function openAccess(
  config: Pick<Config, 'auth' | 'cluster'>,
  { store }: Pick<Shared, 'store'>,
  log: Logger,
): Promise<Access> {
  const { htpasswd, tokenServer, realm } = config.auth;
  const passwords = htpasswd === undefined ? [] : [await openUsers(htpasswd.path, log)];
  if (passwords.length === 0) return { authenticator: acceptEverybody(), tokenServer: undefined };
  if (tokenServer === undefined) {
    const challenge = { scheme: 'basic', realm } as const;
    return { authenticator: createAuthenticator({ challenge, passwords, tokens: [] }), tokenServer: undefined };
  }
  const { service, url, lifetimeMs } = tokenServer;
  const secret = config.cluster?.secret.reveal();
  const keys = secret === undefined ? createMemoryTokenKeys() : createStoreTokenKeys({ store, secret, now: Date.now });
  const accessTokens = createAccessTokens({ keys, service, lifetimeMs, now: Date.now });
  const challenge = { scheme: 'bearer', service, realm: url === undefined ? { path: '/token' } : { url } } as const;
  const authenticator = createAuthenticator({ challenge, passwords, tokens: [accessTokens.verify] });
  return { authenticator, tokenServer: { accessTokens, realm } };
}

async function openUsers(path: string, log: Logger): Promise<PasswordMethod> {
  try {
    return await openHtpasswd({ path, log });
  } catch (error) {
    throw new ConfigError('The configuration', [{ path: 'auth.htpasswd.path', message: (error as Error).message }]);
  }
}
