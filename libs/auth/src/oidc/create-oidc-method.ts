// Accepts tokens that issuers such as GitHub Actions and GitLab give to jobs (OpenID Connect Core 1.0, section
// 3.1.3.7). The rules that the token's claims match decide what the job may pull.
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { isCacheError } from '@cistern/errors';
import type { Authentication } from '../authentication/authenticator.ts';
import type { TokenMethod } from '../authentication/create-authenticator.ts';
import { grantsOf, labelsOf, type OidcIssuer } from './oidc-rules.ts';

export type NamedIssuer = Pick<OidcIssuer, 'name' | 'url'>;

/** The port to issuers' keys. Both functions reject with a CacheError if the keys cannot be read or fetched. */
export interface IssuerKeys {
  /** Rejects if no keys are recent enough. */
  get(issuer: NamedIssuer): Promise<JSONWebKeySet>;
  /**
   * Like `get`, but fetches the keys again, for a token with an unknown key. Fetches are rate-limited; between them it
   * reads the stored keys. Resolves to an empty set if no keys are recent enough.
   */
  getFresh(issuer: NamedIssuer): Promise<JSONWebKeySet>;
}

export interface OidcMethodOptions {
  readonly issuers: readonly OidcIssuer[];
  readonly keys: IssuerKeys;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Only asymmetric algorithms, because the cache knows only public keys of an issuer. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const clockToleranceSeconds = 60;

/** The method resolves to `undefined` if the issuer of the token is not configured. */
export function createOidcMethod({ issuers, keys, now }: OidcMethodOptions): TokenMethod {
  async function verify(token: string, { url, audiences }: OidcIssuer, set: JSONWebKeySet): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), {
      algorithms,
      issuer: url,
      audience: [...audiences],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(now()),
      requiredClaims: ['sub', 'exp', 'iat'],
    });
    return payload;
  }

  return async (token) => {
    const issuer = issuerOf(issuers, token);
    if (issuer === undefined) return undefined;
    try {
      const claims = await verify(token, issuer, await keys.get(issuer)).catch(async (error: unknown) => {
        if (error instanceof errors.JWKSNoMatchingKey) return verify(token, issuer, await keys.getFresh(issuer));
        throw error;
      });
      return identify(issuer, claims);
    } catch (error) {
      if (isCacheError(error)) throw error;
      return refused(
        'The token of this job is not valid for this cache.',
        `${issuer.name}: ${(error as Error).message}`,
      );
    }
  };
}

/** Reads the issuer from the unverified token. The keys of this issuer must then verify the token. */
function issuerOf(issuers: readonly OidcIssuer[], token: string): OidcIssuer | undefined {
  if (token.split('.').length !== 3) return undefined;
  try {
    const { iss } = decodeJwt(token);
    return issuers.find(({ url }) => url === iss);
  } catch {
    return undefined;
  }
}

function identify(issuer: OidcIssuer, claims: JWTPayload): Authentication {
  const grants = grantsOf(issuer, claims);
  const name = `${issuer.name}/${String(claims.sub)}`;
  if (grants === undefined)
    return refused('The token of this job gives no access to this cache.', `the claims of ${name} match no rule`);
  return {
    result: 'accepted',
    method: 'oidc',
    identity: { name, method: 'oidc', grants, labels: labelsOf(issuer, claims) },
  };
}

function refused(message: string, why: string): Authentication {
  return { result: 'refused', method: 'oidc', message, why };
}
