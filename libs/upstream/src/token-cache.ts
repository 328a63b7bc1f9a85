// The cache of bearer tokens. One process keeps them in memory. A cluster shares them, so that a hundred workers do not
// request the same token a hundred times.

export interface TokenKey {
  readonly upstream: string;
  /** The user name of the credentials for which the token was issued. `undefined` means anonymous. */
  readonly account: string | undefined;
  /** The requested scope, for example `repository:library/nginx:pull`. */
  readonly scope: string;
  /**
   * The issuer and the service. They are part of the key, so that after a change of configuration no token is sent to
   * another server.
   */
  readonly audience: string;
}

export interface CachedToken {
  /** A secret, not to be logged. */
  readonly token: string;
  /** Milliseconds since the epoch. From this time the token is not used, although it expires a little later. */
  readonly usableUntilMs: number;
}

export interface SharedTokenRequest {
  /** Returns true if a cached token is not too old, and is not the one that the upstream has just refused. */
  isUsable(kept: CachedToken): boolean;
  /** Requests a token from the token server. */
  issue(): Promise<CachedToken>;
  /** Ends the wait for another process that requests the token. */
  readonly signal: AbortSignal;
}

export interface ObtainedToken extends CachedToken {
  /** True if the token was issued for this call. */
  readonly issued: boolean;
}

export interface TokenCache {
  /**
   * Returns a usable cached token, or the token from `issue`, which is then cached. One of the processes that share the
   * cache issues it. The others wait for its token, for some seconds at most. If the shared cache is unreachable, the
   * token is issued but not cached. `obtain` rejects only as `issue` does, or with the signal's reason.
   */
  obtain(key: TokenKey, request: SharedTokenRequest): Promise<ObtainedToken>;
}

const maxEntries = 2_000;

/**
 * Keeps the last 2,000 tokens of this process. Concurrent calls for one key would each issue a token, so the caller
 * makes one call for each key at a time.
 */
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
