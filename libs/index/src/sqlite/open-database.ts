// Opens the index's file. Renames a file that is damaged or of another version, and creates a new one, because the
// index can be rebuilt from the store. Such a file is never deleted, and it does not prevent the start.
import { closeSync, mkdirSync, openSync, renameSync, fstatSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CacheError } from '@cistern/errors';
import type { IndexLog } from '../cache-index.ts';
import { guard, isDamage } from './index-error.ts';
import { addColumns, additions, schema, schemaVersion } from './schema.ts';

/**
 * Size in bytes to which the log is extended in advance. It suffices, because SQLite overwrites the log from its
 * beginning after a thousand pages.
 */
const bytes = 4_400_000;

/**
 * How long to wait for the lock on the file. Only another process can hold the lock, such as an earlier one that is
 * still shutting down.
 */
const lockTimeoutMs = 250;

export interface DatabaseOptions {
  readonly path: string;
  readonly now: () => number;
  readonly log: IndexLog;
}

/** SQLite's name for a database without a file. Its content is lost when the connection is closed. */
export const inMemory = ':memory:';

/**
 * Throws CacheError `index-unavailable` if the file cannot be used and cannot be renamed. The caller closes the
 * database.
 */
export function openDatabase({ path, now, log }: DatabaseOptions): DatabaseSync {
  if (path === inMemory) return guard(() => openFit(path));
  attemptOnFiles(path, () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
  const unfit = findUnfit(path);
  if (unfit !== undefined) {
    const aside = `${path}.${unfit}-${new Date(now()).toISOString().replaceAll(/[^0-9]/g, '')}`;
    attemptOnFiles(path, () => setAside(path, aside));
    log.warn({ path, aside, reason: unfit }, 'unusable index file set aside, new one created');
  }
  return guard(() => openFit(path));
}

/**
 * Connects to the file, and creates it if it is missing. Does not let SQLite create the file, because SQLite would let
 * all users read it. SQLite's further files get the mode of this file.
 */
function connect(path: string): DatabaseSync {
  if (path !== inMemory)
    try {
      closeSync(openSync(path, 'wx', 0o600));
    } catch {
      // The file exists already, or SQLite reports the error below.
    }
  return new DatabaseSync(path, { timeout: lockTimeoutMs });
}

/**
 * Returns the reason why the file at `path` must not be used. Returns `undefined` for a usable, empty or missing file.
 */
function findUnfit(path: string): string | undefined {
  try {
    using database = connect(path);
    lockFile(database);
    const version = versionOf(database);
    if (version === schemaVersion) return isSound(database) ? undefined : 'damaged';
    return version === 0 && isEmpty(database) ? undefined : `version-${version}`;
  } catch (error) {
    if (isDamage(error)) return 'damaged';
    return guard(() => {
      throw error;
    });
  }
}

function openFit(path: string): DatabaseSync {
  const database = connect(path);
  try {
    lockFile(database);
    // With NORMAL, SQLite waits for the disk only at checkpoints. A power cut may lose the writes of the last seconds,
    // but they can be rebuilt from the store.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;');
    if (versionOf(database) === 0) database.exec(`BEGIN; ${schema} COMMIT;`);
    database.exec(additions);
    addColumns(database);
    // This write takes the lock, because `PRAGMA locking_mode` alone does not.
    database.exec(`PRAGMA user_version = ${schemaVersion};`);
    if (path === inMemory) database.exec('PRAGMA temp_store = MEMORY;');
    else attemptOnFiles(path, () => reserveLog(path));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Makes the next read or write lock the file until this process ends. A second process must not use the cache at the
 * same time, because fills and pull counts are in the memory of the first. The second process would also remove the
 * spool files of the first. With this lock SQLite needs no shared-memory file, which causes an input/output error on a
 * full disk.
 */
function lockFile(database: DatabaseSync): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE;');
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function isSound(database: DatabaseSync): boolean {
  return database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] === 'ok';
}

function setAside(path: string, aside: string): void {
  for (const suffix of ['', '-wal', '-shm']) {
    try {
      renameSync(path + suffix, aside + suffix);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Runs `action` and turns a file system error into CacheError `index-unavailable`. */
export function attemptOnFiles<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const message = `The index cannot be used: its file ${path} cannot be opened, created or moved (${code}).`;
    throw new CacheError('index-unavailable', message, { detail: { code }, cause: error });
  }
}

/**
 * Extends the log of the database at `path` with zeros, as far as the disk has space. SQLite never reads these zeros,
 * because for SQLite the log ends at the first frame with a wrong checksum.
 */
function reserveLog(path: string): void {
  // Closing this file releases no lock, because SQLite's locks are on the database file and not on the log.
  const file = openSync(`${path}-wal`, 'r+');
  try {
    const { size } = fstatSync(file);
    if (size < bytes) writeSync(file, Buffer.alloc(bytes - size), 0, bytes - size, size);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(file);
  }
}
