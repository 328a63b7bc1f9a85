// Converts errors of ioredis and Redis to `index-unavailable`, the error of the index, with a reason on which an
// operator can act.
import { CacheError, isCacheError } from '@cistern/errors';
import { isExplained } from '@cistern/telemetry';
import type { RedisLog } from './watch-index-outage.ts';

/**
 * Maps the start of an error's message to a reason. The messages are those of ioredis, or begin with the code of an
 * error reply of Redis.
 */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^(?:Command timed out|Socket timeout)/, 'it did not answer within redis.commandtimeout'],
  [
    /^(?:Reached the max retries|Stream isn't writeable|Connection is closed|Cluster isn't ready)/,
    'it is not connected',
  ],
  [/^(?:None of startup nodes|Failed to refresh slots cache)/, 'no node of the cluster answers'],
  [/^All sentinels are unreachable/, 'no sentinel answers'],
  [/^(?:NOAUTH|WRONGPASS)/, 'it refuses the user name or the password'],
  [/^NOPERM/, 'its user lacks permissions: allow it all commands on the keys with the prefix'],
  [/^LOADING/, 'it is still loading its data'],
  [/^OOM/, 'its memory is full: raise maxmemory of Redis'],
  [/^READONLY/, 'it is a read-only replica'],
  [/^MISCONF/, 'it cannot write its data to disk'],
  [/^(?:CLUSTERDOWN|MASTERDOWN|TRYAGAIN|Too many Cluster redirections)/, 'the cluster does not serve all of its keys'],
  [/^BUSY/, 'it is busy with a script'],
];

/** Converts an error. Errors of our own code, such as `TypeError`, are bugs and are returned unchanged. */
export function toIndexError(error: unknown): unknown {
  if (isCacheError(error) || error instanceof TypeError || error instanceof RangeError) return error;
  return new CacheError('index-unavailable', `The index in Redis cannot be used: ${reasonOf(error)}.`, {
    retryable: true,
    cause: error,
  });
}

export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return reasons.find(([pattern]) => pattern.test(message))?.[1] ?? `it reports "${message}"`;
}

/** True for an error of `toIndexError` if the memory of Redis is full, so that it answers reads and takes no new records. */
export function isFullError(error: unknown): boolean {
  return isCacheError(error) && error.cause instanceof Error && error.cause.message.startsWith('OOM');
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

const quietMs = 60_000;

/**
 * Logs at most one warning in a minute, because the cause of an error may last. An error that lines of an outage report, and that
 * is thus logged at `debug`, does not count.
 */
export function createThrottledWarning(log: RedisLog, message: string): (error: unknown) => void {
  let quietUntilMs = 0;
  return (error) => {
    const fields = { err: toIndexError(error) };
    if (!isExplained(log, fields)) {
      if (performance.now() < quietUntilMs) return;
      quietUntilMs = performance.now() + quietMs;
    }
    log.warn(fields, message);
  };
}
