// Opens the authentication of clients that need credentials, as configured.
import {
  type Authenticator,
  createAuthenticator,
  createRobotMethod,
  openHtpasswd,
  type PasswordMethod,
  watchRobots,
} from '@cistern/auth';
import {
  createAccessTokens,
  createOidcMethod,
  openExternalTokens,
  rememberTokens,
  requireMethod,
} from '@cistern/auth/tokens';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import type { Access, AccessConfig, CredentialParts } from './open-access.ts';
import { openForConfig, sharedTriesOf } from '@cistern/assembly';

/** Rejects as `openAccess`. */
export async function openCredentialAccess(
  config: AccessConfig,
  { index, robots, issuerKeys, tokenKeys }: CredentialParts,
  log: Logger,
): Promise<Access> {
  const { htpasswd, externalTokens, robots: hasRobots, oidc: issuers, realm } = config.auth;
  const { now } = index;
  if (externalTokens !== undefined)
    return { authenticator: await openExternal(externalTokens, log, now), tokenServer: undefined };
  const jobTokens =
    issuers.length === 0 ? [] : [rememberTokens(createOidcMethod({ issuers, keys: issuerKeys, now }), now)];
  const sharedTries = sharedTriesOf(config, index, 'client');
  const passwords: PasswordMethod[] = [
    ...(hasRobots ? [createRobotMethod({ robots, now })] : []),
    ...jobTokens.map(
      (method): PasswordMethod =>
        ({ password }) =>
          method(password),
    ),
    ...(htpasswd === undefined
      ? []
      : [await openForConfig('auth.htpasswd.path', () => openHtpasswd({ path: htpasswd.path, sharedTries, log }))]),
  ];
  const tokenServer = openTokenServer(config, tokenKeys, now);
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
  const verify = hasRobots ? watchRobots(remembered, { robots, now }) : remembered;
  const authenticator = createAuthenticator({ challenge, passwords, tokens: [...jobTokens, verify] });
  return { authenticator, tokenServer: { accessTokens, realm } };
}

function openTokenServer({ auth }: Pick<Config, 'auth'>, keys: CredentialParts['tokenKeys'], now: () => number) {
  if (auth.tokenServer === undefined) return undefined;
  const { service, url, lifetimeMs } = auth.tokenServer;
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
