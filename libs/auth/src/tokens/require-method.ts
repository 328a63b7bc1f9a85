// Rejects access tokens that a caller got by a method that a reload has removed.
import type { TokenMethod } from '../authentication/create-authenticator.ts';
import type { Identity } from '../authentication/authenticator.ts';

/** The methods by which callers can get access tokens. */
export interface ConfiguredMethods {
  readonly hasPasswords: boolean;
  readonly hasRobots: boolean;
  /** Names of the issuers of tokens for jobs. */
  readonly issuers: readonly string[];
}

/**
 * Wraps `verify`: rejects access tokens of users, robots and jobs whose method is not configured. It does not notice
 * narrower rules of an issuer, because an access token contains only the grants.
 */
export function requireMethod(verify: TokenMethod, methods: ConfiguredMethods): TokenMethod {
  return async (token) => {
    const found = await verify(token);
    if (found?.result !== 'accepted' || isConfigured(found.identity, methods)) return found;
    const message = 'The access token is invalid or has expired.';
    const why = `access token: the configuration no longer accepts its method (${found.identity.method})`;
    return { result: 'refused', method: 'token', message, why };
  };
}

function isConfigured({ method, name }: Identity, { hasPasswords, hasRobots, issuers }: ConfiguredMethods): boolean {
  if (method === 'password') return hasPasswords;
  if (method === 'robot') return hasRobots;
  return method === 'oidc' && issuers.some((issuer) => name.startsWith(`${issuer}/`));
}
