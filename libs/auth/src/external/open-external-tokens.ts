// registry:2's `auth.token`: a token server elsewhere gives out access tokens, and here they are verified ("Token
// Authentication Implementation" of distribution, "Verifying the token").
import type { KeyObject } from 'node:crypto';
import { type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import type { Logger } from '@cistern/telemetry';
import type { Authentication } from '../authentication/authenticator.ts';
import type { TokenMethod } from '../authentication/create-authenticator.ts';
import { openParsedFile } from '../authentication/open-parsed-file.ts';
import { keysOf, parseBundle, parseKeySet, verifyChain } from './trusted-keys.ts';

export interface ExternalTokensOptions {
  /** Exactly as it stands in `iss`. */
  readonly issuer: string;
  /** Has to stand in `aud`. */
  readonly service: string;
  /** PEM file of the authorities of the token server; with neither nobody comes in. */
  readonly rootCertBundle: string | undefined;
  /** File with a set of keys. */
  readonly jwks: string | undefined;
  readonly algorithms: readonly string[];
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const clockToleranceSeconds = 60;
const message = 'The access token is not valid, or not any more.';

/** Rejects with an Error, whose message is a clause, for a file that is not there or is none. Files are read again. */
export async function openExternalTokens(options: ExternalTokensOptions): Promise<TokenMethod> {
  const { issuer, service, rootCertBundle, jwks, algorithms, log, now } = options;
  const common = { log, onRead: () => log.info('keys of the token server read') };
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
          advice: 'the token server has one',
        });
  const set =
    jwks === undefined
      ? undefined
      : await openParsedFile({ ...common, path: jwks, parse: parseKeySet, advice: 'the token server has one' });

  async function findKey({ x5c, kid }: JWTHeaderParameters): Promise<KeyObject> {
    const { roots = [], keys } = (await bundle?.read()) ?? {};
    if (Array.isArray(x5c)) return verifyChain(x5c, roots, now());
    const key = kid === undefined ? undefined : ((await set?.read())?.get(kid) ?? keys?.get(kid));
    if (key === undefined) throw new Error('its key is not known');
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
    // Token servers leave it empty for anybody.
    name: sub ?? '',
    method: 'token',
    scopes: names('repository', 'pull'),
    mayList: names('registry', '*').includes('catalog'),
  } as const;
  return { result: 'accepted', method: 'token', identity };
}
