// Opens the index's file. A damaged file, or one of another version, is set aside, never deleted and never fatal,
// because the index can be rebuilt from the store.
import { closeSync, mkdirSync, openSync, renameSync, fstatSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CacheError } from '@cistern/errors';
import type { IndexLog } from '../cache-index.ts';
import { guard, isDamage } from './index-error.ts';
import { addColumns, additions, schema, schemaVersion } from './schema.ts';

/** Size of the log's reserve. SQLite restarts the log after a thousand pages. */
const bytes = 4_400_000;

/** Only another process on the same file holds a lock, and an earlier process may still be shutting down. */
const lockTimeoutMs = 250;

export interface DatabaseOptions {
  readonly path: string;
  readonly now: () => number;
  readonly log: IndexLog;
}

/** SQLite's own name for a database without a file, which ends with its connection. */
export const inMemory = ':memory:';

/**
 * Throws CacheError `index-unavailable` if the file can be neither used nor set aside. The caller closes the database.
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

/** SQLite creates world-readable files. Its further files get the mode of the first one. */
function connect(path: string): DatabaseSync {
  if (path !== inMemory)
    try {
      closeSync(openSync(path, 'wx', 0o600));
    } catch {
      // The file exists, or SQLite reports the fault.
    }
  return new DatabaseSync(path, { timeout: lockTimeoutMs });
}

/** Returns why the file at `path` must not be used; `undefined` for a usable, empty or missing file. */
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
    // NORMAL waits for the disk only at checkpoints. A power cut may lose the last seconds, which can be rebuilt from
    // the store.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;');
    if (versionOf(database) === 0) database.exec(`BEGIN; ${schema} COMMIT;`);
    database.exec(additions);
    addColumns(database);
    // The first write takes the lock, not the PRAGMA.
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
 * Locks the file for as long as this process lives. Fills and pull counts are in its memory, and another process would
 * treat its spool as a dead process's. The system releases the lock with the process. SQLite then needs no
 * shared-memory file, which fails on a full disk with an input/output error.
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
 * Extends the log of the database at `path` with zeros, as far as the disk has space. SQLite overwrites the zeros and
 * never reads them: the log ends for it where the checksum of a frame differs.
 */
function reserveLog(path: string): void {
  // The locks of the process are on the database file, so closing another descriptor of the log releases none.
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
