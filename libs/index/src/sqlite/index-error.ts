// Turns SQLite errors into `index-unavailable`, with a reason that an operator can act on.
import { CacheError } from '@cistern/errors';

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const reasons: Readonly<Record<number, string>> = {
  5: 'another process uses the index file; stop that process, or give each a directory of its own',
  8: 'its file is read-only',
  10: 'its disk reports an input/output error',
  11: 'its file is damaged; restart to create a new one',
  13: 'the file system of storage.filesystem.rootdirectory, or of storage.s3.indexdirectory, is full; free some space',
  14: 'its file cannot be opened',
  26: 'its file is not an SQLite database',
};

/** Runs `action` and turns an SQLite error into CacheError `index-unavailable`. */
export function guard<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toIndexError(error);
  }
}

/** Returns a CacheError for an SQLite error. Returns any other error unchanged, because it is a bug. */
function toIndexError(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const reason = reasons[code] ?? 'SQLite reports an error';
  return new CacheError('index-unavailable', `The index cannot be used: ${reason} (SQLite code ${code}).`, {
    detail: { code },
    retryable: true,
    cause: error,
  });
}

/** Reports whether the error means that the file is damaged or is not a database. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === 11 || code === 26;
}

/** Reports whether the disk is full, or the limit on the pages of the database is reached. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error) === 13;
}

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  // The low byte of an extended code is the primary code.
  return error.errcode & 0xff;
}
