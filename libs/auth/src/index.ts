export { acceptAllClients, followAuthenticator, userName } from './authentication/authenticator.ts';
export type {
  Accepted,
  Authentication,
  AuthenticationRequest,
  Authenticator,
  Challenge,
  Identity,
} from './authentication/authenticator.ts';
export { createAuthenticator, parseBasic } from './authentication/create-authenticator.ts';
export type { PasswordMethod, TokenMethod } from './authentication/create-authenticator.ts';
export { listHtpasswdUsers, parseHtpasswd, removeHtpasswdUser, setHtpasswdUser } from './htpasswd/htpasswd-file.ts';
export { openHtpasswd } from './htpasswd/open-htpasswd.ts';
export { unlimited } from './limits/client-limits.ts';
export type { ClientLimits } from './limits/client-limits.ts';
export { createFairQueue } from './limits/create-fair-queue.ts';
export type { FairQueue } from './limits/create-fair-queue.ts';
export type { SharedTries } from './limits/create-lock-out.ts';
export { createIssuerKeys, createIssuerKeysFetcher, sealIssuerKeys } from './oidc/issuer-keys.ts';
export { readIssuerKeys } from './oidc/read-issuer-keys.ts';
export { createAuthorize } from './policy/authorize.ts';
export type { Caller, Authorize, Decision, PolicyRule } from './policy/authorize.ts';
export { createAddressList, networkOf } from './policy/networks.ts';
export { createRobotToken, openRobotTokens, sealRobots } from './robots/robot-tokens.ts';
export type { RobotRecord, RobotTokens } from './robots/robot-tokens.ts';
export { createRobotMethod, watchRobotTokens, watchRobots } from './robots/watch-robots.ts';
export type { AccessTokens } from './tokens/create-access-tokens.ts';
export { createMemoryTokenKeys, createStoreTokenKeys } from './tokens/token-keys.ts';
