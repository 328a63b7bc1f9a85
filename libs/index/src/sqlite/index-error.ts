// Turns what SQLite reports into what the index promises: `index-unavailable` with a reason a person can act on.
import { CacheError } from '@cistern/errors';

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const reasons: Readonly<Record<number, string>> = {
  5: 'another process uses this directory; stop it, or give this one a directory of its own',
  8: 'its file is read-only',
  10: 'its disk reports an input/output error',
  11: 'its file is damaged, and a new one is begun at the next start',
  13: 'the file system of storage.filesystem.rootdirectory, or of storage.s3.indexdirectory, is full; free some of it',
  14: 'its file cannot be opened',
  26: 'its file is no SQLite database',
};

/** Runs `action`; an error of SQLite becomes CacheError `index-unavailable`. */
export function guard<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toIndexError(error);
  }
}

/** Errors that are not SQLite's are bugs and stay what they are. */
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

/** The file is not, or no longer, a sound database. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === 11 || code === 26;
}

/** The disk has no room, or the database may have no more pages. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error) === 13;
}

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  // The rest of an extended code says more than anybody acts on.
  return error.errcode & 0xff;
}
