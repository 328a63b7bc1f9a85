// Issues and verifies this cache's own access tokens. They are JSON Web Tokens as distribution's specification ("Token
// Authentication Implementation") defines them. A client with a token needs no password, and a node identifies the
// client without a lookup (decision 0029).
import { randomUUID } from 'node:crypto';
import { isCacheError } from '@cistern/errors';
import { jwtVerify, SignJWT } from 'jose';
import type { TokenMethod } from '../authentication/create-authenticator.ts';
import type { Identity } from '../authentication/authenticator.ts';
import type { TokenKeys } from './token-keys.ts';

export interface AccessTokensOptions {
  readonly keys: TokenKeys;
  /** The audience of the tokens: this cache. */
  readonly service: string;
  readonly lifetimeMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface AccessToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAt: Date;
}

export interface AccessTokens {
  /**
   * Issues a token for an identity that another method authenticated. `names` restricts it to repositories. Rejects
   * with a CacheError.
   */
  issue(identity: Identity, names: readonly string[]): Promise<AccessToken>;
  readonly verify: TokenMethod;
}

const algorithm = 'HS256';
const issuer = 'cistern';
/** Tolerates differences between the clocks of frontends. */
const clockToleranceSeconds = 30;

/** The claims of the specification, and this cache's own data about the identity. */
interface Claims {
  readonly sub: string;
  readonly access: readonly {
    readonly type: 'repository';
    readonly name: string;
    readonly actions: readonly ['pull'];
  }[];
  readonly cistern: Omit<Identity, 'name' | 'scopes'>;
}

export function createAccessTokens({ keys, service, lifetimeMs, now }: AccessTokensOptions): AccessTokens {
  const expiresInSeconds = Math.floor(lifetimeMs / 1000);
  return {
    async issue({ name, scopes: _scopes, ...identity }, names) {
      const { id, secret } = await keys.current();
      const issuedAt = Math.floor(now() / 1000);
      const claims = {
        iss: issuer,
        aud: service,
        sub: name,
        iat: issuedAt,
        exp: issuedAt + expiresInSeconds,
        jti: randomUUID(),
        access: names.map((of) => ({ type: 'repository', name: of, actions: ['pull'] }) as const),
        cistern: identity,
      };
      const token = await new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: id }).sign(secret);
      return { token, expiresInSeconds, issuedAt: new Date(issuedAt * 1000) };
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify<Claims>(
          token,
          async ({ kid }) => {
            const key = typeof kid === 'string' ? await keys.find(kid) : undefined;
            if (key === undefined) throw new Error('the key of the token is unknown');
            return key.secret;
          },
          {
            algorithms: [algorithm],
            issuer,
            audience: service,
            clockTolerance: clockToleranceSeconds,
            currentDate: new Date(now()),
            requiredClaims: ['sub', 'exp'],
          },
        );
        const { sub: name, access, cistern } = payload;
        const identity = { ...cistern, name, scopes: access.map((one) => one.name) };
        return { result: 'accepted', method: 'token', identity };
      } catch (error) {
        if (isCacheError(error)) throw error;
        const message = 'The access token is invalid or has expired.';
        return { result: 'refused', method: 'token', message, why: (error as Error).message };
      }
    },
  };
}
