// Where bearer tokens are kept between requests. In one process memory is enough; a cluster shares them, so that a
// hundred workers do not ask a token server for the same token a hundred times.

export interface TokenKey {
  readonly upstream: string;
  /** The user name of the credentials the token was issued to, `undefined` for anonymous ones. */
  readonly account: string | undefined;
  /** As it was asked for, for example `repository:library/nginx:pull`. */
  readonly scope: string;
  /** Who issues it for whom: part of the key, so that after a change of configuration no token goes to another place. */
  readonly audience: string;
}

export interface CachedToken {
  /** A secret. */
  readonly token: string;
  /** Milliseconds since the epoch; not used any more from here on: some time before the token really expires. */
  readonly usableUntilMs: number;
}

export interface SharedTokenRequest {
  /** Whether a token that is kept will do: neither too old nor the one that upstream has just refused. */
  isUsable(kept: CachedToken): boolean;
  /** Asks the token server. */
  issue(): Promise<CachedToken>;
  /** Ends the wait for somebody else who asks it. */
  readonly signal: AbortSignal;
}

export interface ObtainedToken extends CachedToken {
  /** Issued for this very call. */
  readonly issued: boolean;
}

export interface TokenCache {
  /**
   * A kept token that is usable, or else what `issue` gives, kept from then on. Of several processes that share the cache
   * one issues and the others wait for its token, for some seconds at most. A cache that is out of reach keeps nothing:
   * rejects as `issue` does, or with the signal's reason, and for nothing else.
   */
  obtain(key: TokenKey, request: SharedTokenRequest): Promise<ObtainedToken>;
}

const maxEntries = 2_000;

/** Keeps the last 2,000 tokens of this process. Knows nothing of calls under way: the caller makes one for each key. */
export function createMemoryTokenCache(): TokenCache {
  const tokens = new Map<string, CachedToken>();
  return {
    async obtain(key, { isUsable, issue }) {
      const name = nameOf(key);
      const kept = tokens.get(name);
      if (kept !== undefined && isUsable(kept)) return { ...kept, issued: false };
      const token = await issue();
      tokens.delete(name);
      tokens.set(name, token);
      const oldest = tokens.keys().next();
      if (tokens.size > maxEntries && oldest.done !== true) tokens.delete(oldest.value);
      return { ...token, issued: true };
    },
  };
}

function nameOf({ upstream, account, scope, audience }: TokenKey): string {
  return JSON.stringify([upstream, account ?? null, scope, audience]);
}
