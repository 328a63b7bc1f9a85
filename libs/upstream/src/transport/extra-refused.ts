// The error of an extra connection that was refused or failed.
import { CacheError, isCacheError } from '@cistern/errors';

/**
 * Thrown if an extra connection for a blob is refused or fails. The upstream may still be healthy, because its first
 * connection may work. `by` is `host` if the host refused or failed. It is `cap` if all connections of our own limit
 * (`maxconnections`) are in use.
 */
export class ExtraRefused extends CacheError {
  readonly by: 'host' | 'cap';

  constructor(by: 'host' | 'cap', message: string, cause?: unknown) {
    super('upstream-unreachable', message, { cause });
    this.by = by;
  }
}

/**
 * Converts failures of the host to `ExtraRefused`. Refusals of the blob itself and other errors are returned unchanged.
 */
export function toExtraRefused(error: unknown): unknown {
  if (error instanceof ExtraRefused) return error;
  if (!isCacheError(error, 'upstream-rate-limited', 'upstream-unreachable', 'upstream-timeout')) return error;
  return new ExtraRefused('host', `The extra connection failed. ${error.message}`, error);
}
