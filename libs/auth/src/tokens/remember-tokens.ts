// A pull shows one token with thirty requests: that it was good is remembered for a moment, so that its signature is verified
// once.
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Authentication } from '../authentication/authenticator.ts';
import type { TokenMethod } from '../authentication/create-authenticator.ts';

const rememberedMs = 30_000;
const maxRemembered = 10_000;

/** As `method`, for tokens that are JSON Web Tokens, with answers up to half a minute old; none beyond the token's end. */
export function rememberTokens(method: TokenMethod, now: () => number): TokenMethod {
  const accepted = new LRUCache<string, { readonly found: Authentication; readonly untilMs: number }>({
    max: maxRemembered,
  });
  return async (token) => {
    const name = createHash('sha256').update(token).digest('base64');
    const remembered = accepted.get(name);
    if (remembered !== undefined && now() < remembered.untilMs) return remembered.found;
    const found = await method(token);
    if (found?.result === 'accepted') {
      const endMs = (decodeJwt(token).exp ?? 0) * 1000;
      accepted.set(name, { found, untilMs: Math.min(now() + rememberedMs, endMs) });
    }
    return found;
  };
}
