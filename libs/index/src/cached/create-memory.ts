// Remembers records as this process last read them. If another process changes a record, the record is dropped. If
// announcements of changes may have been missed, all records are read again, and the remembered ones are used only in
// an outage.
import { LRUCache } from 'lru-cache';
import type { ReadOptions } from '../blobs.ts';
import { createReach, type Reach, type ReachOptions } from './create-reach.ts';

export interface MemoryOptions extends Pick<ReachOptions, 'index' | 'log'> {
  /** Limit on the remembered records of each kind. */
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
     * Returns the memory for one kind of record. `merge` is used for a record that could not be written: it combines
     * the remembered record and the new one. By default the new record replaces the remembered one.
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
  /**
   * Reads in progress by name. If a read is removed from this map, its callers still get the record, but it is not
   * remembered.
   */
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

  /** Returns the remembered record if it is fresh. */
  function fromMemory(name: string): T | undefined {
    const entry = entries.get(name);
    return entry !== undefined && isFresh(entry, now(), era, reach) ? entry.record : undefined;
  }

  /** Remembers a record that could not be written. */
  function keep(name: string, record: T): void {
    const before = entries.peek(name)?.record;
    entries.set(name, { record: before === undefined ? record : merge(before, record), readAtMs: -Infinity, era });
  }

  /**
   * Runs `action`, which changes the named records, and then drops these records, so that the next read gets the
   * changed ones. Runs `otherwise` instead during an outage.
   */
  function write<R>(names: readonly string[], action: () => Promise<R>, otherwise: () => R): Promise<R> {
    return reach.write(async () => {
      const result = await action();
      for (const name of names) drop(name);
      return result;
    }, otherwise);
  }

  /** Replaces the remembered record by the result of `changed`, if there is one. */
  function rewrite(name: string, changed: (record: T) => T): void {
    const entry = entries.peek(name);
    if (entry !== undefined) entries.set(name, { ...entry, record: changed(entry.record) });
  }

  return {
    /**
     * Returns the remembered record if it is fresh, and otherwise the result of `read`. Concurrent callers share one
     * `read`. A missing record is not remembered. During an outage, returns the remembered record, regardless of its
     * age.
     */
    read: (name: string, read: () => Promise<T | undefined>, given?: ReadOptions): Promise<T | undefined> =>
      reach.read(
        async () => (given?.fresh === true ? undefined : (fromMemory(name) ?? loading.get(name))) ?? load(name, read),
        () => entries.get(name)?.record,
      ),
    fromMemory,
    write,
    /** Writes one record. During an outage, remembers it instead. */
    put: (name: string, record: T, put: () => Promise<void>): Promise<void> =>
      write([name], put, () => keep(name, record)),
    /** Writes the record if there is none. Resolves to true if it was written. */
    adopt: (name: string, record: T, adopt: () => Promise<boolean>): Promise<boolean> =>
      reach.write(adopt, () => {
        if (entries.has(name)) return false;
        keep(name, record);
        return true;
      }),
    /** Removes the record. Resolves to true if there was one. */
    remove: (name: string, remove: () => Promise<boolean>): Promise<boolean> =>
      write([name], remove, () => {
        loading.delete(name);
        return entries.delete(name);
      }),
    /** Runs `action`, or nothing during an outage. Then replaces the remembered record, if there is one. */
    async change(name: string, action: () => Promise<void>, changed: (record: T) => T): Promise<void> {
      await reach.write(action, () => {});
      rewrite(name, changed);
    },
    keep,
    rewrite,
    drop,
    /**
     * Marks all remembered records as no longer fresh, so that they are read again. Called when announcements of
     * changes may have been missed.
     */
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
