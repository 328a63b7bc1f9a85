// Records as this process last read them. A record that was changed elsewhere is dropped by name; one whose change may have been
// missed is kept for an outage, but read again.
import { LRUCache } from 'lru-cache';
import type { ReadOptions } from '../blobs.ts';
import { createReach, type Reach, type ReachOptions } from './create-reach.ts';

export interface MemoryOptions extends Pick<ReachOptions, 'index' | 'log'> {
  /** For each kind of record. */
  readonly maxEntries: number;
  readonly now: () => number;
}

export type Memory = ReturnType<typeof createMemory>;

type Entries<T extends object> = ReturnType<typeof createEntries<T>>;

const maxAgeMs = 5000;

interface Entry<T> {
  readonly record: T;
  readonly readAtMs: number;
  readonly era: number;
}

export function createMemory({ index, log, maxEntries, now }: MemoryOptions) {
  const all: Pick<Entries<never>, 'drop' | 'distrust'>[] = [];
  const reach = createReach({
    index,
    log,
    onChange(name) {
      for (const entries of all) entries.drop(name);
    },
    onGap() {
      for (const entries of all) entries.distrust();
    },
  });

  return {
    reach,
    /**
     * Records of one kind. `merge`: a record that the index did not take, over the remembered one; default: the record as it is.
     */
    remember<T extends object>(merge?: (before: T, record: T) => T): Entries<T> {
      const entries = createEntries<T>({ maxEntries, now, reach }, merge);
      all.push(entries);
      return entries;
    },
  };
}

function createEntries<T extends object>(
  { maxEntries, now, reach }: Pick<MemoryOptions, 'maxEntries' | 'now'> & { readonly reach: Reach },
  merge = (_before: T, record: T): T => record,
) {
  const entries = new LRUCache<string, Entry<T>>({ max: maxEntries });
  /** A load that was dropped from here brings its callers the record, but is not remembered. */
  const loading = new Map<string, Promise<T | undefined>>();
  let era = 0;

  async function load(name: string, read: () => Promise<T | undefined>): Promise<T | undefined> {
    const entry = { readAtMs: now(), era };
    const promise = read();
    loading.set(name, promise);
    try {
      const record = await promise;
      if (loading.get(name) === promise) {
        if (record === undefined) entries.delete(name);
        else entries.set(name, { ...entry, record });
      }
      return record;
    } finally {
      if (loading.get(name) === promise) loading.delete(name);
    }
  }

  function drop(name: string): void {
    entries.delete(name);
    loading.delete(name);
  }

  /** The record as it was read a moment ago. */
  function fromMemory(name: string): T | undefined {
    const entry = entries.get(name);
    return entry !== undefined && isFresh(entry, now(), era, reach) ? entry.record : undefined;
  }

  /** Remembers a record that the index did not take. */
  function keep(name: string, record: T): void {
    const before = entries.peek(name)?.record;
    entries.set(name, { record: before === undefined ? record : merge(before, record), readAtMs: -Infinity, era });
  }

  /** Does `action`, which changes these records: the next read loads them. During an outage: `otherwise`. */
  function write<R>(names: readonly string[], action: () => Promise<R>, otherwise: () => R): Promise<R> {
    return reach.write(async () => {
      const result = await action();
      for (const name of names) drop(name);
      return result;
    }, otherwise);
  }

  /** Changes the remembered record, if there is one. */
  function rewrite(name: string, changed: (record: T) => T): void {
    const entry = entries.peek(name);
    if (entry !== undefined) entries.set(name, { ...entry, record: changed(entry.record) });
  }

  return {
    /**
     * The record as it was read a moment ago, else as `read` brings it; "not there" is not remembered. Callers share a load in
     * flight. During an outage: the remembered record, however old.
     */
    read: (name: string, read: () => Promise<T | undefined>, given?: ReadOptions): Promise<T | undefined> =>
      reach.read(
        async () => (given?.fresh === true ? undefined : (fromMemory(name) ?? loading.get(name))) ?? load(name, read),
        () => entries.get(name)?.record,
      ),
    fromMemory,
    write,
    /** As `write` of one record, which is remembered during an outage. */
    put: (name: string, record: T, put: () => Promise<void>): Promise<void> =>
      write([name], put, () => keep(name, record)),
    /** As `put`, where there is no record; resolves with whether there was none. */
    adopt: (name: string, record: T, adopt: () => Promise<boolean>): Promise<boolean> =>
      reach.write(adopt, () => {
        if (entries.has(name)) return false;
        keep(name, record);
        return true;
      }),
    /** Resolves with whether there was a record of that name. */
    remove: (name: string, remove: () => Promise<boolean>): Promise<boolean> =>
      write([name], remove, () => {
        loading.delete(name);
        return entries.delete(name);
      }),
    /** Does `action`, and then changes the remembered record, if there is one. */
    async change(name: string, action: () => Promise<void>, changed: (record: T) => T): Promise<void> {
      await reach.write(action, () => {});
      rewrite(name, changed);
    },
    keep,
    rewrite,
    drop,
    /** Changes may have been missed: from now on every record is loaded again. */
    distrust(): void {
      era += 1;
      loading.clear();
    },
  };
}

function isFresh(entry: Entry<unknown>, nowMs: number, era: number, reach: Reach): boolean {
  const ageMs = nowMs - entry.readAtMs;
  return reach.isListening() && entry.era === era && ageMs >= 0 && ageMs < maxAgeMs;
}
