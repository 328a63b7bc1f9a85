// Turns file system errors into `store-unavailable`, with a reason that an operator can act on.
import { CacheError } from '@cistern/errors';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'Cistern lacks permission for its files',
  EDQUOT: 'its disk quota is used up',
  EIO: 'the disk reports an input/output error',
  EISDIR: 'a directory is in the place of a file',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOENT: 'its directory is missing',
  ENOSPC: 'the file system of storage.filesystem.rootdirectory is full',
  ENOTDIR: 'a file is in the place of a directory',
  ENOTEMPTY: 'a directory is in the place of a file',
  EPERM: 'Cistern lacks permission for its files',
  EROFS: 'its file system is read-only',
};

/**
 * Runs `action` and turns a file system error into CacheError `store-unavailable`. `doing` is a phrase such as "read a
 * blob".
 */
export async function attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw toStoreError(error, doing);
  }
}

/** Like `attempt`, but returns `undefined` for a missing file, and only then. */
export async function attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw toStoreError(error, doing);
  }
}

/** Errors that are not from a system call are bugs and pass unchanged. */
export function toStoreError(thrown: unknown, doing: string): unknown {
  const error = firstOf(thrown);
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const reason = reasons[code] ?? 'its file system reports an error';
  return new CacheError('store-unavailable', `The store cannot ${doing}: ${reason} (${code}).`, {
    detail: { code },
    retryable: true,
    cause: error,
  });
}

export function hasCode(thrown: unknown, ...codes: string[]): boolean {
  const error = firstOf(thrown);
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** `await using` wraps the failure if closing the file fails too. */
function firstOf(error: unknown): unknown {
  return error instanceof SuppressedError ? firstOf(error.suppressed) : error;
}
