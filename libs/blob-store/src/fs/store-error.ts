// Turns what the filesystem reports into what the store promises: `store-unavailable` with a reason a person can act on.
import { CacheError } from '@cistern/errors';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'Cistern lacks permission for its files',
  EDQUOT: 'its disk quota is used up',
  EIO: 'the disk reports an input/output error',
  EISDIR: 'a directory lies where a file should be',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOENT: 'its directory is gone',
  ENOSPC: 'the file system of storage.filesystem.rootdirectory is full',
  ENOTDIR: 'a file lies where a directory should be',
  ENOTEMPTY: 'a directory lies where a file should be',
  EPERM: 'Cistern lacks permission for its files',
  EROFS: 'its filesystem is read-only',
};

/** Runs `action`; an error of the filesystem becomes CacheError `store-unavailable`. `doing`: "read a blob". */
export async function attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw toStoreError(error, doing);
  }
}

/** Like `attempt`, for files that may not be there: `undefined` then, and only then. */
export async function attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw toStoreError(error, doing);
  }
}

/** Errors that did not come from a system call are bugs and stay what they are. */
export function toStoreError(thrown: unknown, doing: string): unknown {
  const error = firstOf(thrown);
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const reason = reasons[code] ?? 'its filesystem reports an error';
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
