// A bounded memory of recent things. `LRUCache` fills arrays of its maximum size at once, which takes milliseconds: here it is
// made when the first entry comes.
import { LRUCache } from 'lru-cache';

export interface Recent<K extends {}, V extends {}> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  /** True: it was there. */
  delete(key: K): boolean;
}

export interface RecentOptions {
  readonly max: number;
  /** Unset: entries stay until others take their place. */
  readonly ttlMs?: number;
  readonly now: () => number;
}

export function createRecent<K extends {}, V extends {}>({ max, ttlMs = 0, now }: RecentOptions): Recent<K, V> {
  let entries: LRUCache<K, V> | undefined;
  return {
    get: (key) => entries?.get(key),
    has: (key) => entries?.has(key) ?? false,
    set(key, value) {
      entries ??= new LRUCache({ max, ttl: ttlMs, ttlResolution: 0, perf: { now } });
      entries.set(key, value);
    },
    delete: (key) => entries?.delete(key) ?? false,
  };
}
