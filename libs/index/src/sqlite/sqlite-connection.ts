// The connection that the tables of the index share, with remembered rows and pending writes. Every hit causes pulls
// and touches, so they are collected in memory and written together, about a second later.
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
  /** Like `run`. Rejects with `index-unavailable` for SQLite's errors, and if the index is closed. */
  call<T>(action: () => T): Promise<T>;
}

const flushAfterMs = 1000;
/**
 * Entries that one transaction writes. A flush blocks the event loop, so a large flush is split into transactions of a
 * few milliseconds.
 */
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

  /** Writes some entries. Returns true if more entries remain. After a failure, schedules a retry and returns false. */
  function flushSome(): boolean {
    clearTimeout(timer);
    timer = undefined;
    try {
      return flush(entriesPerTransaction);
    } catch (error) {
      // Keeps the values pending and retries later, because a pull must not fail only because it cannot be counted.
      log.warn({ err: error }, 'failed to write pulls to index');
      schedule(flushAfterMs);
      return false;
    }
  }

  /** Writes up to `limit` entries. Returns true if more entries may remain. */
  function flush(limit: number): boolean {
    return flushers.some((flushTable) => flushTable(limit) === limit);
  }

  return {
    /**
     * Returns the pending values of one table, by key. The caller must include them in its reads. `write` is called
     * inside a transaction.
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
     * Writes the pending values, and yields to the event loop between transactions. If a write fails, it is logged, and
     * the values stay pending.
     */
    async flush(): Promise<void> {
      while (flushSome()) await turn();
    },
    /** Writes all values without yielding. Throws SQLite's errors. Values must not be set afterwards. */
    close(): void {
      isClosed = true;
      clearTimeout(timer);
      flush(Number.POSITIVE_INFINITY);
    },
  };
}

/** Runs `action` in one transaction, so that all of its writes succeed or none. */
export function inTransaction(database: DatabaseSync, action: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    action();
    database.exec('COMMIT');
  } catch (error) {
    // After some errors SQLite has already rolled the transaction back.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Limit on the remembered rows of each table. A row takes a few hundred bytes. */
const maxRows = 5000;

/**
 * Returns a memory for rows, because a popular tag is read thousands of times a second, and a read costs 5 µs. No other
 * process changes the rows, because the file is locked. This process must call `drop` after each change of a row.
 */
export function rememberRows<R extends object>() {
  /** Created on first use, because it allocates its memory immediately. */
  let rows: LRUCache<string, R> | undefined;
  return {
    /** Returns the remembered row, or calls `read` and remembers its row. */
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
