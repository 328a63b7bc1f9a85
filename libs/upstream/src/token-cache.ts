// Where bearer tokens are kept between requests. In one process memory is enough; a cluster shares them, so that a
// hundred workers do not ask a token server for the same token a hundred times.

export interface TokenKey {
  readonly upstream: string;
  /** The user name of the credentials the token was issued to, `undefined` for anonymous ones. */
  readonly account: string | undefined;
  /** As it was asked for, for example `repository:library/nginx:pull`. */
  readonly scope: string;
}

export interface CachedToken {
  /** A secret. */
  readonly token: string;
  /** Not used any more from here on: some time before the token really expires. */
  readonly usableUntilMs: number;
}

/**
 * Never rejects: a cache that is out of reach knows no token. Need not drop anything: an unusable token is ignored, and a
 * refused one is overwritten by its successor.
 */
export interface TokenCache {
  get(key: TokenKey): Promise<CachedToken | undefined>;
  put(key: TokenKey, token: CachedToken): Promise<void>;
}

const maxEntries = 2_000;

/** Keeps the last 2,000 tokens of this process. */
export function createMemoryTokenCache(): TokenCache {
  const tokens = new Map<string, CachedToken>();
  return {
    get: (key) => Promise.resolve(tokens.get(nameOf(key))),
    put(key, token) {
      const name = nameOf(key);
      tokens.delete(name);
      tokens.set(name, token);
      const oldest = tokens.keys().next();
      if (tokens.size > maxEntries && oldest.done !== true) tokens.delete(oldest.value);
      return Promise.resolve();
    },
  };
}

function nameOf({ upstream, account, scope }: TokenKey): string {
  return JSON.stringify([upstream, account ?? null, scope]);
}
