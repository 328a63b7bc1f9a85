// Opens the authentication of clients that need credentials, as configured.
import {
  type Authenticator,
  createAuthenticator,
  createRobotMethod,
  openHtpasswd,
  type PasswordMethod,
  watchRobots,
  createIssuerKeys,
  sealIssuerKeys,
  sealRobots,
  createStoreTokenKeys,
  watchRobotTokens,
} from '@cistern/auth';
import {
  createAccessTokens,
  createOidcMethod,
  openExternalTokens,
  rememberTokens,
  requireMethod,
} from '@cistern/auth/tokens';
import { sealObjects } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import type { Closers } from '@cistern/runtime';
import type { Access, AccessConfig, CredentialParts } from './open-access.ts';
import { openForConfig, sharedTriesOf } from '@cistern/assembly';

/** Rejects as `openAccess`. */
export async function openCredentialAccess(
  config: AccessConfig,
  { index, store, jobs, memoryTokenKeys }: CredentialParts,
  log: Logger,
  { opened }: Closers,
): Promise<Access> {
  const { htpasswd, externalTokens, robots: hasRobots, oidc: issuers, realm } = config.auth;
  const { now } = index;
  if (externalTokens !== undefined)
    return { authenticator: await openExternal(externalTokens, log, now), tokenServer: undefined };
  const robots = hasRobots ? opened(await watchRobotTokens({ store: sealRobots(store, config), log, now })) : undefined;
  const keys = createIssuerKeys({ issuers, store: sealIssuerKeys(store, config), queue: jobs.queue, now });
  const jobTokens = issuers.length === 0 ? [] : [rememberTokens(createOidcMethod({ issuers, keys, now }), now)];
  const sharedTries = sharedTriesOf(config, index, 'client');
  const passwords: PasswordMethod[] = [
    ...(robots === undefined ? [] : [createRobotMethod({ robots, now })]),
    ...jobTokens.map(
      (method): PasswordMethod =>
        ({ password }) =>
          method(password),
    ),
    ...(htpasswd === undefined
      ? []
      : [await openForConfig('auth.htpasswd.path', () => openHtpasswd({ path: htpasswd.path, sharedTries, log }))]),
  ];
  const tokenServer = openTokenServer(config, { store, memoryTokenKeys }, now);
  if (tokenServer === undefined) {
    const challenge = { scheme: 'basic', realm } as const;
    return { authenticator: createAuthenticator({ challenge, passwords, tokens: jobTokens }), tokenServer };
  }
  const { accessTokens, challenge } = tokenServer;
  const remembered = requireMethod(rememberTokens(accessTokens.verify, now), {
    hasPasswords: htpasswd !== undefined,
    hasRobots,
    issuers: issuers.map((issuer) => issuer.name),
  });
  const verify = robots === undefined ? remembered : watchRobots(remembered, { robots, now });
  const authenticator = createAuthenticator({ challenge, passwords, tokens: [...jobTokens, verify] });
  return { authenticator, tokenServer: { accessTokens, realm } };
}

function openTokenServer(
  { auth, cluster }: Pick<Config, 'auth' | 'cluster'>,
  { store, memoryTokenKeys }: Pick<CredentialParts, 'store' | 'memoryTokenKeys'>,
  now: () => number,
) {
  if (auth.tokenServer === undefined) return undefined;
  const { service, url, lifetimeMs } = auth.tokenServer;
  const secret = cluster?.secret.reveal();
  const keys =
    secret === undefined
      ? memoryTokenKeys
      : createStoreTokenKeys({ store: sealObjects(store, secret, 'token keys'), now });
  const accessTokens = createAccessTokens({ keys, service, lifetimeMs, now });
  const challenge = { scheme: 'bearer', service, realm: url === undefined ? { path: '/token' } : { url } } as const;
  return { accessTokens, challenge };
}

async function openExternal(
  { realm, service, ...tokens }: NonNullable<Config['auth']['externalTokens']>,
  log: Logger,
  now: () => number,
): Promise<Authenticator> {
  const verify = await openForConfig('auth.token', () => openExternalTokens({ ...tokens, service, log, now }));
  return createAuthenticator({
    challenge: { scheme: 'bearer', service, realm },
    passwords: [],
    tokens: [rememberTokens(verify, now)],
  });
}
