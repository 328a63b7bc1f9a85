import { CacheError, isCacheError } from '@cistern/errors';

/** Upstream does not answer ranges, or has less than the range: the whole is asked for. */
export function isNoRange(error: unknown): boolean {
  return isCacheError(error, 'unsupported', 'range-unsatisfiable');
}

/** The window was full for long: the connection is closed, and the first missing segment comes next. */
export class StoodStill extends Error {}

export function tooShort(): CacheError {
  return new CacheError('content-mismatch', 'Upstream sent fewer bytes than the blob has.', { retryable: true });
}

export function endless(bytes: number): CacheError {
  const message = `Upstream sends a blob without a length, and no end of it within ${bytes} bytes.`;
  return new CacheError('content-mismatch', message);
}

export function noRoom(): CacheError {
  const message = 'The spool has no room for a blob without a length (worker.spool.maxbytes).';
  return new CacheError('overloaded', message, { retryable: true, isLocal: true });
}
