// The errors of a queue that cannot do a job now. They have the kind `overloaded` and are retryable. Also distinguishes
// failures of jobs from answers.
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobName } from './catalogue.ts';

/**
 * Returns whether the error is the upstream's answer to a client, such as "there is no such tag". The job has then done
 * its work, and has not failed. A prewarm has no client: its names come from an operator, who needs to see the error.
 */
export function isAnswer(name: string, error: unknown): boolean {
  if (name.startsWith('prewarm')) return false;
  return isCacheError(error, 'manifest-unknown', 'blob-unknown', 'name-unknown', 'denied', 'unauthenticated');
}

export function overloaded(message: string): CacheError {
  return new CacheError('overloaded', message, { retryable: true });
}

export function shuttingDown(): CacheError {
  return overloaded('The cache is shutting down. Try again.');
}

export function tooManyWaiting(waiting: number, name: JobName): CacheError {
  return overloaded(`The cache is busy: ${waiting} jobs wait before this "${name}" job. Try again later.`);
}

export function timedOut(name: JobName, timeoutMs: number): CacheError {
  return overloaded(`The cache is busy: a "${name}" job did not end within ${timeoutMs} ms. Try again.`);
}
