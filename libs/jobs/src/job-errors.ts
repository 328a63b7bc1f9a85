// The errors of a queue that does not do a job now: `overloaded`, and worth another try.
import { CacheError } from '@cistern/errors';
import type { JobName } from './catalogue.ts';

export function overloaded(message: string): CacheError {
  return new CacheError('overloaded', message, { retryable: true });
}

export function shuttingDown(): CacheError {
  return overloaded('The cache is shutting down; ask again.');
}

export function tooManyWait(waiting: number, name: JobName): CacheError {
  return overloaded(`The cache is busy: ${waiting} jobs wait before this "${name}". Try again later.`);
}

export function tooLate(name: JobName, timeoutMs: number): CacheError {
  return overloaded(`The cache is busy: a "${name}" job did not end within ${timeoutMs} ms. Try again.`);
}
