// The errors of a queue that cannot do a job now. They have the kind `overloaded` and are retryable.
import { CacheError } from '@cistern/errors';
import type { JobName } from './catalogue.ts';

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
