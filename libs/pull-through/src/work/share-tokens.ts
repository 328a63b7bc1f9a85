// Shares upstream tokens between all workers of a cluster. One worker requests a token and stores it, encrypted, in the index,
// where the other workers read it.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';
import {
  type CachedToken,
  type ObtainedToken,
  type TokenCache,
  type TokenKey,
  type SharedTokenRequest,
  createMemoryTokenCache,
} from '@cistern/upstream';
import { createSeal } from '@cistern/runtime';

export interface ShareTokensOptions {
  readonly index: Pick<CacheIndex, 'leases' | 'values'>;
  /** The cluster's secret, 16 bytes or more. */
  readonly secret: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A call that has waited this long for the token of another worker requests a token itself. */
const leaseMs = 5000;
const lookEveryMs = 50;
/**
 * How long failures of the index are tolerated, because the index may fail briefly, or this process may be too busy to read
 * from it.
 */
const toleratedFailureMs = 1000;

/** Also caches tokens in the memory of this process. While the index is unavailable, only the tokens in memory are used. */
export function shareTokens({ index, secret, now }: ShareTokensOptions): TokenCache {
  const { leases, values } = index;
  const seal = createSeal(secret, 'upstream tokens');
  const own = createMemoryTokenCache();

  async function find(name: string, { isUsable }: SharedTokenRequest): Promise<CachedToken | undefined> {
    const sealed = await values.get(name);
    const text = sealed === undefined ? undefined : seal.open(name, sealed);
    const found = text === undefined ? undefined : (JSON.parse(text) as CachedToken);
    return found !== undefined && isUsable(found) ? found : undefined;
  }

  /**
   * Resolves to another worker's usable token, or to `undefined` if this call must request one. Rejects with the signal's
   * reason when the signal is aborted.
   */
  async function findOrTakeLease(
    name: string,
    owner: string,
    request: SharedTokenRequest,
  ): Promise<CachedToken | undefined> {
    const begunAtMs = performance.now();
    const hasWaited = (ms: number): boolean => performance.now() - begunAtMs >= ms;
    for (;;) {
      try {
        const found = await find(name, request);
        if (found !== undefined) return found;
        // Another worker may have stored a token and released the lease since the read above.
        if (await leases.acquire(name, owner, leaseMs)) return await find(name, request);
        if (hasWaited(leaseMs)) return undefined;
      } catch {
        if (hasWaited(toleratedFailureMs)) return undefined;
      }
      await delay(lookEveryMs, undefined, { signal: request.signal }).catch(() => request.signal.throwIfAborted());
    }
  }

  async function issue(name: string, request: SharedTokenRequest): Promise<CachedToken> {
    const issued = await request.issue();
    const ttlMs = issued.usableUntilMs - now();
    if (ttlMs > 0) await values.put(name, seal.close(name, JSON.stringify(issued)), ttlMs).catch(() => {});
    return issued;
  }

  async function obtainShared(key: TokenKey, request: SharedTokenRequest): Promise<ObtainedToken> {
    const name = nameOf(key);
    // One owner for each call, so that calls of this process also send one request at a time.
    const owner = randomUUID();
    try {
      const found = await findOrTakeLease(name, owner, request);
      return found === undefined ? { ...(await issue(name, request)), issued: true } : { ...found, issued: false };
    } finally {
      void leases.release(name, owner).catch(() => {});
    }
  }

  return {
    async obtain(key, request) {
      let isIssued = false;
      const obtained = await own.obtain(key, {
        ...request,
        async issue() {
          const { issued, ...token } = await obtainShared(key, request);
          isIssued = issued;
          return token;
        },
      });
      return { ...obtained, issued: isIssued };
    },
  };
}

/**
 * Builds a readable key from upstream, account and scope. A short hash of the audience is added, because token servers differ
 * in it.
 */
function nameOf({ upstream, account, scope, audience }: TokenKey): string {
  const place = createHash('sha256').update(audience).digest('hex').slice(0, 16);
  return ['token', upstream, account === undefined ? 'anonymous' : `as ${account}`, scope, place]
    .map(encodeURIComponent)
    .join('/');
}
