// Opens the access to an admin server that listens on a network address, so that not only the user of the process can connect.
import { isIP } from 'node:net';
import {
  type Authenticator,
  createAuthenticator,
  openHtpasswd,
  type SharedTries,
  type TokenMethod,
} from '@cistern/auth';
import type { Config } from '@cistern/config';
import { isSameSecret } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import { adminAuthorization } from '@cistern/operations/admin-access';
import { openForConfig } from '@cistern/assembly';

/** Either an authenticator or, if no credentials are configured, the access that all clients have. */
export type AdminAccess = Authenticator | 'everything' | 'read-only' | 'nothing';

/**
 * Operators authenticate with passwords, and commands of the cluster with a token that is derived from the cluster's secret. If
 * neither is configured, all clients are allowed to read, but only if the server listens on a loopback address. A missing file of
 * operators may be created later. `sharedTries` counts wrong passwords together with other nodes. Rejects with ConfigError if the
 * file of operators cannot be read or is invalid.
 */
export async function openAdminAccess(
  config: Pick<Config, 'admin' | 'cluster'>,
  sharedTries: SharedTries | undefined,
  log: Logger,
): Promise<AdminAccess> {
  const { address, htpasswd } = config.admin;
  const authorization = adminAuthorization(config);
  if (htpasswd === undefined && authorization === undefined)
    return address?.host !== undefined && isLoopback(address.host) ? 'read-only' : 'nothing';
  const passwords =
    htpasswd &&
    (await openForConfig('admin.htpasswd.path', () =>
      openHtpasswd({ path: htpasswd.path, sharedTries, log, mayBeMissing: true }),
    ));
  return createAuthenticator({
    challenge: { scheme: 'basic', realm: 'Cistern' },
    passwords: passwords === undefined ? [] : [passwords],
    tokens: authorization === undefined ? [] : [tokenOfCluster(authorization)],
  });
}

function tokenOfCluster(authorization: string): TokenMethod {
  const method = 'token';
  return async (token) =>
    isSameSecret(`Bearer ${token}`, authorization)
      ? { result: 'accepted', method, identity: { name: 'cluster', method } }
      : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
