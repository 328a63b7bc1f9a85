// Small values that processes share for a while, such as an upstream's token. Callers seal what is secret before they put
// it: the index never sees it in clear.

export interface ValueIndex {
  get(name: string): Promise<string | undefined>;
  /** Replaces. Gone `ttlMs` from now at the latest; at most a few KiB. */
  put(name: string, value: string, ttlMs: number): Promise<void>;
  remove(name: string): Promise<void>;
}
