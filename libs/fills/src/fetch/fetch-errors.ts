import { CacheError, isCacheError } from '@cistern/errors';

/** Upstream does not support ranges, or has fewer bytes than the range. The fill then fetches the whole blob. */
export function isNoRange(error: unknown): boolean {
  return isCacheError(error, 'unsupported', 'range-unsatisfiable');
}

/** The window was full for too long. The connection is closed, and the first missing segment is fetched next. */
export class Stalled extends Error {}

export function tooShort(): CacheError {
  return new CacheError('content-mismatch', 'Upstream sent fewer bytes than the blob has.', { retryable: true });
}

export function endless(bytes: number): CacheError {
  const message = `Upstream sends a blob without a length, and it does not end within ${bytes} bytes.`;
  return new CacheError('content-mismatch', message);
}

export function noRoom(): CacheError {
  const message = 'The spool has no space for a blob without a length. Raise worker.spool.maxbytes.';
  return new CacheError('overloaded', message, { retryable: true, isLocal: true });
}
