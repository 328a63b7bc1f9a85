// Opens the authentication of clients, as configured.
import {
  acceptAllClients,
  type Authenticator,
  createIssuerKeys,
  createMemoryTokenKeys,
  createStoreTokenKeys,
  sealIssuerKeys,
  sealRobots,
  watchRobotTokens,
} from '@cistern/auth';
import { sealObjects } from '@cistern/blob-store';
import type { Config, NodeConfig, ReloadableConfig } from '@cistern/config';
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
export type CredentialParts = Pick<AccessParts, 'index'> & Awaited<ReturnType<typeof openKept>>;

/** Rejects with ConfigError if a file is invalid. Only nodes that serve clients read these files. */
export async function openAccess(
  config: NodeConfig,
  parts: AccessParts,
  log: Logger,
  closers: Closers,
): Promise<() => Access> {
  const { live, cluster, redis } = config;
  const kept = await openKept(config, parts, log, closers);
  return live.open(
    {
      name: 'the authentication of clients',
      select: ({ auth }) => auth,
      async open(auth) {
        const { htpasswd, externalTokens, robots, oidc } = auth;
        if (htpasswd === undefined && externalTokens === undefined && !robots && oidc.length === 0)
          return { authenticator: acceptAllClients(), tokenServer: undefined };
        const { openCredentialAccess } = await import('./open-credential-access.ts');
        return openCredentialAccess({ auth, cluster, redis }, { ...parts, ...kept }, log);
      },
    },
    closers,
  );
}

/**
 * Opens what a change of `auth` keeps. Otherwise a reload while the store is unavailable would forget the robots and keys in
 * memory, and refuse their clients.
 */
async function openKept(
  { live, cluster }: NodeConfig,
  { index: { now }, store, jobs }: AccessParts,
  log: Logger,
  closers: Closers,
) {
  const secret = cluster?.secret.reveal();
  const part = {
    name: 'the tokens of robots',
    select: ({ auth }: ReloadableConfig) => auth.robots,
    open: async (hasRobots: boolean, { opened }: Closers) =>
      hasRobots ? opened(await watchRobotTokens({ store: sealRobots(store, { cluster }), log, now })) : undefined,
  };
  const robots = await live.open(part, closers);
  return {
    // Requests that began before a reload find no robot after it has switched robots off.
    robots: { find: async (id: string) => robots()?.find(id) },
    issuerKeys: createIssuerKeys({ store: sealIssuerKeys(store, { cluster }), queue: jobs.queue, now }),
    tokenKeys:
      secret === undefined
        ? createMemoryTokenKeys()
        : createStoreTokenKeys({ store: sealObjects(store, secret, 'token keys'), now }),
  };
}
