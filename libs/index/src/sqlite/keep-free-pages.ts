// Keeps free pages inside the index's file, so that the file need not grow while the disk is full. SQLite cannot write
// its log back into a file that cannot grow. The log then outgrows its reserve, and eviction cannot write its first
// records.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { IndexLog } from '../cache-index.ts';
import { inTransaction } from './sqlite-connection.ts';
import { isFull } from './index-error.ts';
import { attemptOnFiles } from './open-database.ts';

/** More than evictions use before they free pages. */
const leastPages = 256;
const addedPages = 512;
/** No transaction needs more. One that still fails has another reason. */
const mostPages = 8192;
const checkEveryMs = 1000;
const zeros = Buffer.alloc(64 * 1024);

export interface FreePages {
  /**
   * Runs `action`, at most one transaction. If pages are missing and the disk has space, adds pages and runs it again.
   */
  run<T>(action: () => T): T;
  /** Call it only after the database is closed, which would otherwise lose its lock. */
  close(): void;
}

/**
 * Checks the free pages each second. The database never has more pages than its file has space for, so a write that
 * needs more fails alone, and later writes succeed. Throws CacheError `index-unavailable` if the file cannot be opened,
 * and SQLite's errors.
 */
export function keepFreePages(database: DatabaseSync, path: string, log: IndexLog): FreePages {
  const reader = (name: string) => {
    const statement = database.prepare(`PRAGMA ${name}`);
    return () => Number(statement.get()?.[name]);
  };
  const [countFree, countAll, pageSize] = [reader('freelist_count'), reader('page_count'), reader('page_size')()];
  const occupy = database.prepare('INSERT INTO spare VALUES (zeroblob(?))');
  const release = database.prepare('DELETE FROM spare');
  const file = attemptOnFiles(path, () => openSync(path, 'r+'));
  let hasRoom = true;

  /** Returns false if the disk has no space for so many pages. */
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
        // Uses the free pages and almost all added ones. Four bytes of each page hold the number of the next.
        occupy.run((countFree() + addedPages - 1) * (pageSize - 4));
        release.run();
      });
    } finally {
      // A checkpoint truncates the file after the last page.
      limit(countAll());
    }
  }

  /**
   * Extends the file before the commit; the extension survives a power cut. SQLite ignores bytes after its last page.
   */
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
    close() {
      clearInterval(timer);
      closeSync(file);
    },
  };
}
