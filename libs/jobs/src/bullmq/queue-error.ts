import { CacheError, isCacheError } from '@cistern/errors';

/** What Redis or its client threw, as the queue's askers are told of it: `index-unavailable`. A CacheError stays. */
export function queueError(cause: unknown): CacheError {
  if (isCacheError(cause)) return cause;
  const message = 'Redis, which holds the job queue, does not answer as it should. Try again in a moment.';
  return new CacheError('index-unavailable', message, { retryable: true, cause });
}
