// A bounded cache of recent entries. `LRUCache` allocates arrays of its maximum size, which takes milliseconds. So it
// is created only with the first entry.
import { LRUCache } from 'lru-cache';

export interface Recent<K extends {}, V extends {}> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  /** Returns whether the entry existed. */
  delete(key: K): boolean;
}

export interface RecentOptions {
  readonly max: number;
  /** Unset means that entries do not expire. They stay until newer entries need their space. */
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
