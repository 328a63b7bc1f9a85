import { CacheError, isCacheError } from '@cistern/errors';

/**
 * True if upstream does not support ranges, or if the range is beyond its end of the blob. The fill then fetches the whole
 * blob.
 */
export function isNoRange(error: unknown): boolean {
  return isCacheError(error, 'unsupported', 'range-unsatisfiable');
}

/** Closes a connection that waited too long for space in the window. The first missing segment is fetched next. */
export class Stalled extends Error {}

export function tooShort(): CacheError {
  return new CacheError('content-mismatch', 'Upstream sent fewer bytes than the blob has.', { retryable: true });
}

export function endless(bytes: number): CacheError {
  const message = `Upstream sends a blob without a length, and the blob does not end within ${bytes} bytes.`;
  return new CacheError('content-mismatch', message);
}

export function noRoom(): CacheError {
  const message = 'The spool has no space for a blob without a length. Raise worker.spool.maxbytes.';
  return new CacheError('overloaded', message, { retryable: true, isLocal: true });
}
