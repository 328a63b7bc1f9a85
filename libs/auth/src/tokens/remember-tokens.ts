// Remembers accepted tokens for half a minute. A pull presents the same token with about thirty requests, and so its
// signature is verified only once.
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Authentication } from '../authentication/authenticator.ts';
import type { TokenMethod } from '../authentication/create-authenticator.ts';

const rememberedMs = 30_000;
const maxRemembered = 10_000;

/** Wraps `method` for JSON Web Tokens. Results may be up to half a minute old, but never outlive the token. */
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
