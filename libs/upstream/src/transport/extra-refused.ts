// The error of an extra connection that was refused or failed.
import { CacheError, isCacheError } from '@cistern/errors';

/**
 * An extra request for a blob was refused or failed. It says nothing about the upstream's health: one connection may work as ever.
 * `by`: the `host`, or the `cap` of our own on connections (`maxconnections`), which has no place free.
 */
export class ExtraRefused extends CacheError {
  readonly by: 'host' | 'cap';

  constructor(by: 'host' | 'cap', message: string, cause?: unknown) {
    super('upstream-unreachable', message, { cause });
    this.by = by;
  }
}

/** Failures of the host become `ExtraRefused`; refusals of the blob itself, and what else is thrown, stay as they are. */
export function toExtraRefused(error: unknown): unknown {
  if (error instanceof ExtraRefused) return error;
  if (!isCacheError(error, 'upstream-rate-limited', 'upstream-unreachable', 'upstream-timeout')) return error;
  return new ExtraRefused('host', `An extra connection was refused. ${error.message}`, error);
}
