// Turns file system errors into `store-unavailable`, with a reason that an operator can act on.
import { CacheError } from '@cistern/errors';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'Cistern lacks permission for its files',
  EDQUOT: 'its disk quota is used up',
  EIO: 'the disk reports an input/output error',
  EISDIR: 'a directory has the path of a file',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOENT: 'its directory is missing',
  ENOSPC: 'the file system of storage.filesystem.rootdirectory is full',
  ENOTDIR: 'a file has the path of a directory',
  ENOTEMPTY: 'a directory has the path of a file',
  EPERM: 'Cistern lacks permission for its files',
  EROFS: 'its file system is read-only',
};

/** An error of the file system. Other errors of the same kind have other causes, such as a limit. */
export class FileError extends CacheError {}

/** Runs calls of the file system. `doing` is a phrase such as "read a blob". */
export interface FileCalls {
  /** Turns a file system error into a FileError, which is CacheError `store-unavailable`. */
  attempt<T>(doing: string, action: () => Promise<T>): Promise<T>;
  /** Like `attempt`, but returns `undefined` if the file does not exist. */
  attemptIfPresent<T>(doing: string, action: () => Promise<T>): Promise<T | undefined>;
  /** Returns a FileError for an error of a system call. Returns any other error unchanged. */
  failure(thrown: unknown, doing: string): unknown;
}

/** `onFailure` is called with each FileError before the call rejects. */
export function createFileCalls(onFailure: (error: FileError) => void): FileCalls {
  function failure(thrown: unknown, doing: string): unknown {
    const error = toStoreError(thrown, doing);
    if (error instanceof FileError) onFailure(error);
    return error;
  }

  return {
    async attempt(doing, action) {
      try {
        return await action();
      } catch (error) {
        throw failure(error, doing);
      }
    },
    async attemptIfPresent(doing, action) {
      try {
        return await action();
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return undefined;
        throw failure(error, doing);
      }
    },
    failure,
  };
}

/** Returns a FileError for an error of a system call. Returns any other error unchanged. */
export function toStoreError(thrown: unknown, doing: string): unknown {
  const error = firstOf(thrown);
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const reason = reasons[code] ?? 'its file system reports an error';
  return new FileError('store-unavailable', `The store cannot ${doing}: ${reason} (${code}).`, {
    detail: { code },
    retryable: true,
    cause: error,
  });
}

export function hasCode(thrown: unknown, ...codes: string[]): boolean {
  const error = firstOf(thrown);
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Returns the original error. `await using` wraps it in a SuppressedError if closing the file fails too. */
function firstOf(error: unknown): unknown {
  return error instanceof SuppressedError ? firstOf(error.suppressed) : error;
}
