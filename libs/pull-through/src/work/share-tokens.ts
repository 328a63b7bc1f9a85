// Upstream's tokens for all workers of a cluster: one of them asks the token server, the others find in the index what it
// was given, sealed.
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
  /** Of the cluster; 16 bytes or more. */
  readonly secret: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A token server that is slower than this is asked by one more worker. */
const leaseMs = 5000;
const lookEveryMs = 50;
/** An index may fail for a moment, of its own accord or because this process had no time to listen. */
const outOfReachMs = 1000;

/** This process's own tokens are at hand without the index, and without an index that answers they are all there is. */
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

  /** A usable token of somebody else's, or `undefined` if it is on us to ask for one. Rejects with the signal's reason. */
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
        // It may have come, and the lease have been given back, since the look before.
        if (await leases.acquire(name, owner, leaseMs)) return await find(name, request);
        if (hasWaited(leaseMs)) return undefined;
      } catch {
        if (hasWaited(outOfReachMs)) return undefined;
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
    // Not the process's: of its own calls, too, one asks at a time.
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

/** Shows upstream, account and scope, and no more of where they belong than what tells places apart. */
function nameOf({ upstream, account, scope, audience }: TokenKey): string {
  const place = createHash('sha256').update(audience).digest('hex').slice(0, 16);
  return ['token', upstream, account === undefined ? 'anonymous' : `as ${account}`, scope, place]
    .map(encodeURIComponent)
    .join('/');
}
