// Opens the index's file. One that is damaged or of another version is set aside, never deleted and never fatal: the
// index can be rebuilt from the store.
import { closeSync, mkdirSync, openSync, renameSync, fstatSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CacheError } from '@cistern/errors';
import type { IndexLog } from '../cache-index.ts';
import { guard, isDamage } from './index-error.ts';
import { addColumns, additions, schema, schemaVersion } from './schema.ts';

/** SQLite begins the log again after a thousand pages. */
const bytes = 4_400_000;

/** Only a second process on the same file ever holds a lock; the one before may be on its last page. */
const lockTimeoutMs = 250;

export interface DatabaseOptions {
  readonly path: string;
  readonly now: () => number;
  readonly log: IndexLog;
}

/** SQLite's own name for a database without a file, which ends with its connection. */
export const inMemory = ':memory:';

/** Throws CacheError `index-unavailable` if the file can be neither used nor set aside. The caller closes it. */
export function openDatabase({ path, now, log }: DatabaseOptions): DatabaseSync {
  if (path === inMemory) return guard(() => openFit(path));
  attemptOnFiles(path, () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
  const unfit = findUnfit(path);
  if (unfit !== undefined) {
    const aside = `${path}.${unfit}-${new Date(now()).toISOString().replaceAll(/[^0-9]/g, '')}`;
    attemptOnFiles(path, () => setAside(path, aside));
    log.warn({ path, aside, reason: unfit }, 'the index file cannot be used; it was set aside and a new one begun');
  }
  return guard(() => openFit(path));
}

/** SQLite makes files that all may read; those beside the first get its mode. */
function connect(path: string): DatabaseSync {
  if (path !== inMemory)
    try {
      closeSync(openSync(path, 'wx', 0o600));
    } catch {
      // It is there, or SQLite says what is wrong.
    }
  return new DatabaseSync(path, { timeout: lockTimeoutMs });
}

/** Why the file at `path` must not be used; `undefined` for one that is fit, empty or missing. */
function findUnfit(path: string): string | undefined {
  try {
    using database = connect(path);
    keepOthersOut(database);
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
    keepOthersOut(database);
    // NORMAL waits for the disk only at checkpoints: a power cut may lose the last seconds, which the store knows too.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;');
    if (versionOf(database) === 0) database.exec(`BEGIN; ${schema} COMMIT;`);
    database.exec(additions);
    addColumns(database);
    // A lock is taken by the first write, not by the PRAGMA.
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
 * For as long as this process lives: fills and pull counts are in its memory, and its spool would be taken for one that a dead
 * process left. The system drops the lock with the process. SQLite then needs no file for shared memory, which a full disk refuses
 * with an input/output error.
 */
function keepOthersOut(database: DatabaseSync): void {
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

/** Runs `action`; an error of the file system becomes CacheError `index-unavailable`. */
export function attemptOnFiles<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const message = `The index cannot be used: its file ${path} cannot be opened, made or moved (${code}).`;
    throw new CacheError('index-unavailable', message, { detail: { code }, cause: error });
  }
}

/**
 * Extends the log of the database at `path` with zeros, as far as the disk has room. SQLite overwrites the zeros, and reads none of
 * them: for it the log ends where a frame has another checksum.
 */
function reserveLog(path: string): void {
  // The locks of a process are on the database, so that closing another descriptor of the log drops none.
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
