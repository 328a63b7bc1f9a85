// The tables of the index share the database, the rows that were read, and writes that wait. Pulls and touches come with every hit,
// so they are gathered in memory and written together, at most a second later.
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { IndexLog } from '../cache-index.ts';

export interface SqliteConnection {
  readonly database: DatabaseSync;
  readonly writeBehind: WriteBehind;
  /** Runs `action`, which is short and writes in one transaction at most. Throws `index-unavailable` for SQLite's errors. */
  run<T>(action: () => T): T;
  /** As `run`. Rejects with `index-unavailable` for SQLite's errors, and once the index is closed. */
  call<T>(action: () => T): Promise<T>;
}

const flushAfterMs = 1000;
/** A flush stops the event loop, so a large one is cut into pieces of a few milliseconds. */
const entriesPerTransaction = 500;

type WriteBehind = ReturnType<typeof createWriteBehind>;

export function createWriteBehind(database: DatabaseSync, log: IndexLog) {
  const flushers: ((limit: number) => number)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function schedule(afterMs: number): void {
    if (isClosed) return;
    timer ??= setTimeout(() => {
      if (flushSome()) schedule(0);
    }, afterMs).unref();
  }

  /** True if there may be more that can be written now. */
  function flushSome(): boolean {
    clearTimeout(timer);
    timer = undefined;
    try {
      return flush(entriesPerTransaction);
    } catch (error) {
      // Kept, and tried again: these figures are worth waiting for, not failing for.
      log.warn({ err: error }, 'pulls could not be written to the index');
      schedule(flushAfterMs);
      return false;
    }
  }

  /** True if there may be more. */
  function flush(limit: number): boolean {
    return flushers.some((flushTable) => flushTable(limit) === limit);
  }

  return {
    /** The writes of one table that wait, by key. Its owner lays them over what it reads. `write` runs inside a transaction. */
    table<V>(write: (key: string, value: V) => void) {
      const pending = new Map<string, V>();
      flushers.push((limit) => {
        const entries = pending.entries().take(limit).toArray();
        if (entries.length === 0) return 0;
        inTransaction(database, () => {
          for (const [key, value] of entries) write(key, value);
        });
        for (const [key] of entries) pending.delete(key);
        return entries.length;
      });
      return {
        get: (key: string): V | undefined => pending.get(key),
        set(key: string, value: V): void {
          pending.set(key, value);
          schedule(flushAfterMs);
        },
        delete: (key: string): void => void pending.delete(key),
      };
    },
    /** Writes what waits, in turns of the event loop. What cannot be written is logged, and waits on. */
    async flush(): Promise<void> {
      while (flushSome()) await turn();
    },
    /** Writes everything now; throws what SQLite throws. Nothing may be set after. */
    close(): void {
      isClosed = true;
      clearTimeout(timer);
      flush(Number.POSITIVE_INFINITY);
    },
  };
}

/** Runs `action` as one step: all of it is written, or none. */
export function inTransaction(database: DatabaseSync, action: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    action();
    database.exec('COMMIT');
  } catch (error) {
    // After some errors SQLite has rolled back by itself.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** For each table; a few hundred bytes apiece. */
const maxRows = 5000;

/**
 * Rows as they were last read: a hot tag is read thousands of times a second, and a row costs 5 µs. No other process changes them,
 * for the file is locked; a change in this process drops its row.
 */
export function rememberRows<R extends object>() {
  /** Made when it is first needed, for it takes its room at once. */
  let rows: LRUCache<string, R> | undefined;
  return {
    /** "Not there" is not remembered. */
    get(key: string, read: () => R | undefined): R | undefined {
      const known = rows?.get(key);
      if (known !== undefined) return known;
      const row = read();
      if (row !== undefined) (rows ??= new LRUCache({ max: maxRows })).set(key, row);
      return row;
    },
    peek: (key: string): R | undefined => rows?.get(key),
    drop: (key: string): void => void rows?.delete(key),
  };
}
