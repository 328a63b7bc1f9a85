// A deadline for replies of Redis. The time during which this process is blocked does not count. Replies that arrived
// in that time are read before the deadline applies.
import { setAwakeTimeout } from '@cistern/runtime';
import { toIndexError } from './index-error.ts';

/**
 * Settles as `answer` does. After `ms` of time in which the process was not blocked, it rejects with the error of
 * ioredis' own `commandTimeout`.
 */
export function answersWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onTimeout = () => reject(new Error('Command timed out'));
    // Node reads the sockets between the two callbacks, so a reply that has arrived is handled first.
    const cancel = setAwakeTimeout(() => setImmediate(() => setImmediate(onTimeout)), ms);
    answer.then(resolve, reject).finally(cancel);
  });
}

/** Runs a query and returns its reply. `undefined` means that no reply is available now. Never rejects. */
export type QueryBriefly = <T>(query: () => Promise<T>) => Promise<T | undefined>;

const pauseMs = 2000;
const quietMs = 60_000;

/**
 * Creates a function for optional queries to Redis. A query waits for `commandTimeoutMs` at most. After a failure no
 * query is sent for two seconds, so that only one caller waits for a Redis that hangs. `onFailure` is called with
 * `index-unavailable` once between two replies, and at most once a minute.
 */
export function createBriefQuery(options: {
  readonly commandTimeoutMs: number;
  readonly onFailure: (error: unknown) => void;
}): QueryBriefly {
  const { commandTimeoutMs, onFailure } = options;
  let pausedUntilMs = 0;
  let quietUntilMs = 0;
  let isReported = false;
  return async (query) => {
    if (performance.now() < pausedUntilMs) return undefined;
    try {
      const reply = await answersWithin(commandTimeoutMs, query());
      isReported = false;
      return reply;
    } catch (error) {
      pausedUntilMs = performance.now() + pauseMs;
      if (!isReported && performance.now() >= quietUntilMs) {
        isReported = true;
        quietUntilMs = performance.now() + quietMs;
        onFailure(toIndexError(error));
      }
      return undefined;
    }
  };
}
