// The connection that the tables of the index share, with remembered rows and pending writes. Every hit brings pulls
// and touches, so they are gathered in memory and written together, at most a second later.
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { IndexLog } from '../cache-index.ts';

export interface SqliteConnection {
  readonly database: DatabaseSync;
  readonly writeBehind: WriteBehind;
  /**
   * Runs `action`, which is short and writes at most one transaction. Throws `index-unavailable` for SQLite's errors.
   */
  run<T>(action: () => T): T;
  /** Like `run`. Rejects with `index-unavailable` for SQLite's errors, and once the index is closed. */
  call<T>(action: () => T): Promise<T>;
}

const flushAfterMs = 1000;
/** A flush blocks the event loop, so a large one is split into pieces of a few milliseconds. */
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

  /** Writes some entries. Returns true if more entries may be writable now. */
  function flushSome(): boolean {
    clearTimeout(timer);
    timer = undefined;
    try {
      return flush(entriesPerTransaction);
    } catch (error) {
      // Keep the values and retry: these counts are worth a delay, but not a failure.
      log.warn({ err: error }, 'failed to write pulls to index');
      schedule(flushAfterMs);
      return false;
    }
  }

  /** Returns true if more entries may remain. */
  function flush(limit: number): boolean {
    return flushers.some((flushTable) => flushTable(limit) === limit);
  }

  return {
    /**
     * Returns the pending writes of one table, by key. The owner adds them to its reads. `write` runs inside a
     * transaction.
     */
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
    /**
     * Writes the pending values, yielding between pieces. A value that cannot be written is logged and stays pending.
     */
    async flush(): Promise<void> {
      while (flushSome()) await turn();
    },
    /** Writes all values now and throws SQLite's errors. No value may be set afterwards. */
    close(): void {
      isClosed = true;
      clearTimeout(timer);
      flush(Number.POSITIVE_INFINITY);
    },
  };
}

/** Runs `action` in one transaction: all of it is written, or nothing. */
export function inTransaction(database: DatabaseSync, action: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    action();
    database.exec('COMMIT');
  } catch (error) {
    // After some errors SQLite has already rolled back.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Limit for each table; a row takes a few hundred bytes. */
const maxRows = 5000;

/**
 * Rows as they were last read: a popular tag is read thousands of times a second, and a read costs 5 µs. No other
 * process changes the rows, because the file is locked. A change in this process drops its row.
 */
export function rememberRows<R extends object>() {
  /** Created on first use, because it allocates its memory immediately. */
  let rows: LRUCache<string, R> | undefined;
  return {
    /** A missing row is not remembered. */
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
