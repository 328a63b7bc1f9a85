// The error of an extra connection that was refused or failed.
import { CacheError, isCacheError } from '@cistern/errors';

/**
 * An extra request for a blob was refused or failed. It does not mean that the upstream is unhealthy: one connection
 * may work as usual. `by` is the `host`, or the `cap`, our own limit on connections (`maxconnections`), of which none
 * is free.
 */
export class ExtraRefused extends CacheError {
  readonly by: 'host' | 'cap';

  constructor(by: 'host' | 'cap', message: string, cause?: unknown) {
    super('upstream-unreachable', message, { cause });
    this.by = by;
  }
}

/** Converts failures of the host to `ExtraRefused`. Refusals of the blob itself and other errors stay as they are. */
export function toExtraRefused(error: unknown): unknown {
  if (error instanceof ExtraRefused) return error;
  if (!isCacheError(error, 'upstream-rate-limited', 'upstream-unreachable', 'upstream-timeout')) return error;
  return new ExtraRefused('host', `The extra connection failed. ${error.message}`, error);
}
