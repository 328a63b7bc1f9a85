// Records of one kind as this process last read them. A record that was changed elsewhere is dropped by name; one whose
// change may have been missed is kept for bad times, but asked for again.
import { LRUCache } from 'lru-cache';

export interface EntriesOptions {
  readonly maxEntries: number;
  readonly now: () => number;
  /** Whether changes are heard now. */
  readonly isListening: () => boolean;
}

export interface Entries<T extends object> {
  /** What was read a moment ago, else what `load` brings; "not there" is not remembered. Callers share a load in flight. */
  get(name: string, load: () => Promise<T | undefined>): Promise<T | undefined>;
  /** What was read a moment ago. */
  fromMemory(name: string): T | undefined;
  /** As `get`, past what is remembered. */
  load(name: string, load: () => Promise<T | undefined>): Promise<T | undefined>;
  /** What is remembered, however old. */
  peek(name: string): T | undefined;
  /** As `peek`, and forgets it. */
  take(name: string): T | undefined;
  /** Remembers what the index could not be told. */
  set(name: string, value: T): void;
  /** Changes what is remembered, if anything is. */
  change(name: string, changed: (value: T) => T): void;
  drop(name: string): void;
  /** Changes may have been missed: from now on everything is asked for again. */
  distrust(): void;
}

const maxAgeMs = 5000;

interface Entry<T> {
  readonly value: T;
  readonly readAtMs: number;
  readonly era: number;
}

export function createEntries<T extends object>({ maxEntries, now, isListening }: EntriesOptions): Entries<T> {
  const entries = new LRUCache<string, Entry<T>>({ max: maxEntries });
  /** A load that was dropped from here brings what its callers asked for, but is not remembered. */
  const loading = new Map<string, Promise<T | undefined>>();
  let era = 0;

  function isFresh(entry: Entry<T>): boolean {
    const ageMs = now() - entry.readAtMs;
    return isListening() && entry.era === era && ageMs >= 0 && ageMs < maxAgeMs;
  }

  async function load(name: string, read: () => Promise<T | undefined>): Promise<T | undefined> {
    const entry = { readAtMs: now(), era };
    const promise = read();
    loading.set(name, promise);
    try {
      const value = await promise;
      if (loading.get(name) === promise) {
        if (value === undefined) entries.delete(name);
        else entries.set(name, { ...entry, value });
      }
      return value;
    } finally {
      if (loading.get(name) === promise) loading.delete(name);
    }
  }

  function drop(name: string): void {
    entries.delete(name);
    loading.delete(name);
  }

  function fromMemory(name: string): T | undefined {
    const entry = entries.get(name);
    return entry !== undefined && isFresh(entry) ? entry.value : undefined;
  }

  return {
    get: async (name, read) => fromMemory(name) ?? loading.get(name) ?? load(name, read),
    fromMemory,
    load,
    peek: (name) => entries.get(name)?.value,
    take(name) {
      const entry = entries.peek(name);
      drop(name);
      return entry?.value;
    },
    set: (name, value) => void entries.set(name, { value, readAtMs: -Infinity, era }),
    change(name, changed) {
      const entry = entries.peek(name);
      if (entry !== undefined) entries.set(name, { ...entry, value: changed(entry.value) });
    },
    drop,
    distrust() {
      era += 1;
      loading.clear();
    },
  };
}
