// Verifies access tokens of an external token server, as registry:2's `auth.token` does. Specification: "Token
// Authentication Implementation" of distribution, section "Verifying the token".
import type { KeyObject } from 'node:crypto';
import { type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import type { Logger } from '@cistern/telemetry';
import type { Authentication } from '../authentication/authenticator.ts';
import type { TokenMethod } from '../authentication/create-authenticator.ts';
import { openParsedFile } from '../authentication/open-parsed-file.ts';
import { keysOf, parseBundle, parseKeySet, verifyChain } from './trusted-keys.ts';

export interface ExternalTokensOptions {
  /** Must equal the claim `iss`. */
  readonly issuer: string;
  /** Must be in the claim `aud`. */
  readonly service: string;
  /**
   * PEM file with the CA certificates of the token server. If both this and `jwks` are unset, every token is rejected.
   */
  readonly rootCertBundle: string | undefined;
  /** File with the JWKS of the token server. */
  readonly jwks: string | undefined;
  readonly algorithms: readonly string[];
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const clockToleranceSeconds = 60;
const message = 'The access token is invalid or has expired.';

/** Rejects with an Error, whose message is a clause, for a missing or invalid file. Changed files are read again. */
export async function openExternalTokens(options: ExternalTokensOptions): Promise<TokenMethod> {
  const { issuer, service, rootCertBundle, jwks, algorithms, log, now } = options;
  const common = { log, onRead: () => log.info('loaded keys of token server') };
  const bundle =
    rootCertBundle === undefined
      ? undefined
      : await openParsedFile({
          ...common,
          path: rootCertBundle,
          parse: (text) => {
            const roots = parseBundle(text);
            return { roots, keys: keysOf(roots) };
          },
          advice: 'get it from the token server',
        });
  const set =
    jwks === undefined
      ? undefined
      : await openParsedFile({ ...common, path: jwks, parse: parseKeySet, advice: 'get it from the token server' });

  async function findKey({ x5c, kid }: JWTHeaderParameters): Promise<KeyObject> {
    const { roots = [], keys } = (await bundle?.read()) ?? {};
    if (Array.isArray(x5c)) return verifyChain(x5c, roots, now());
    const key = kid === undefined ? undefined : ((await set?.read())?.get(kid) ?? keys?.get(kid));
    if (key === undefined) throw new Error('the key of the token is unknown');
    return key;
  }

  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, (header) => findKey(header), {
        algorithms: [...algorithms],
        issuer,
        audience: service,
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(now()),
        requiredClaims: ['exp'],
      });
      return identify(payload);
    } catch (error) {
      return { result: 'refused', method: 'token', message, why: (error as Error).message };
    }
  };
}

interface Access {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly actions?: unknown;
}

function identify({ sub, access }: JWTPayload): Authentication {
  const granted = (Array.isArray(access) ? (access as readonly (Access | null)[]) : []).filter((one) => one !== null);
  const names = (type: string, action: string) =>
    granted.flatMap(({ type: of, name, actions }) =>
      of === type && typeof name === 'string' && Array.isArray(actions) && actions.includes(action) ? [name] : [],
    );
  const identity = {
    // Token servers leave `sub` empty for anonymous clients.
    name: sub ?? '',
    method: 'token',
    scopes: names('repository', 'pull'),
    mayList: names('registry', '*').includes('catalog'),
  } as const;
  return { result: 'accepted', method: 'token', identity };
}
