// Keeps free pages inside the index's file, so that the file need not grow while the disk is full. If the file cannot
// grow, SQLite cannot copy its log into it. The log then needs more than its reserved space. So even eviction, which
// would free disk space, could not write its records.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { IndexLog } from '../cache-index.ts';
import { inTransaction } from './sqlite-connection.ts';
import { isFull } from './index-error.ts';
import { attemptOnFiles } from './open-database.ts';

/** Least number of free pages. Evictions free pages before they have used this number. */
const leastPages = 256;
const addedPages = 512;
/** No transaction needs more pages. If a transaction fails in spite of this number of free pages, it is not retried. */
const mostPages = 8192;
const checkEveryMs = 1000;
const zeros = Buffer.alloc(64 * 1024);

export interface FreePages {
  /**
   * Runs `action`, which has at most one transaction. If it fails because pages are missing, adds pages and runs
   * `action` again.
   */
  run<T>(action: () => T): T;
  /** Returns the reason while the disk has no space for more pages. */
  findFull(): string | undefined;
  /**
   * Closes the file. Must be called after the database is closed, because closing the file releases the lock of the
   * database.
   */
  close(): void;
}

/**
 * Checks the free pages each second. Limits the database to the pages that its file has space for. So a write that
 * needs more pages fails immediately, and later writes can succeed. Throws CacheError `index-unavailable` if the file
 * cannot be opened, and SQLite's errors.
 */
export function keepFreePages(database: DatabaseSync, path: string, log: IndexLog): FreePages {
  const reader = (name: string) => {
    const statement = database.prepare(`PRAGMA ${name}`);
    return () => Number(statement.get()?.[name]);
  };
  const [countFree, countAll, pageSize] = [reader('freelist_count'), reader('page_count'), reader('page_size')()];
  const occupy = database.prepare('INSERT INTO spare (bytes) VALUES (zeroblob(?))');
  const release = database.prepare('DELETE FROM spare');
  const file = attemptOnFiles(path, () => openSync(path, 'r+'));
  let hasRoom = true;

  /** Adds pages if fewer than `least` are free. Returns false if the disk has no space for more pages. */
  function keep(least: number): boolean {
    if (!database.isOpen) return false;
    try {
      if (!hasRoom || countFree() < least) add();
      hasRoom = true;
    } catch (error) {
      if (hasRoom) log.warn({ err: error, path }, 'index file cannot grow; free disk space');
      hasRoom = false;
    }
    return hasRoom;
  }

  function add(): void {
    const pages = countAll() + addedPages;
    try {
      extend(pages * pageSize);
      limit(pages);
      inTransaction(database, () => {
        // Fills the free pages and almost all added pages with a value. In each of these pages, four bytes hold the
        // number of the next page.
        occupy.run((countFree() + addedPages - 1) * (pageSize - 4));
        release.run();
      });
      // Otherwise the added pages stay in SQLite's cache.
      database.exec('PRAGMA shrink_memory');
    } finally {
      // Limits the database to its actual pages, because a checkpoint truncates the file after the last page.
      limit(countAll());
    }
  }

  /** Extends the file with zeros before the commit, and syncs it to disk. SQLite ignores bytes after its last page. */
  function extend(end: number): void {
    const { size } = fstatSync(file);
    try {
      for (let at = size; at < end;) at += writeSync(file, zeros, 0, Math.min(zeros.length, end - at), at);
      fsyncSync(file);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  }

  function limit(pages: number): void {
    database.exec(`PRAGMA max_page_count = ${pages}`);
  }

  limit(countAll());
  keep(leastPages);
  const timer = setInterval(() => keep(leastPages), checkEveryMs).unref();
  return {
    run(action) {
      for (;;)
        try {
          return action();
        } catch (error) {
          if (!isFull(error) || !hasRoom) throw error;
          const free = countFree();
          if (free >= mostPages || !keep(free + 1)) throw error;
        }
    },
    findFull: () => (hasRoom ? undefined : `The index file ${path} cannot grow. Free space on its disk.`),
    close() {
      clearInterval(timer);
      closeSync(file);
    },
  };
}
