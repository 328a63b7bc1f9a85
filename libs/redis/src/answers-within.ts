// A deadline for replies of Redis. Time during which this process was blocked does not count, and replies that arrived
// meanwhile are read first.
import { setAwakeTimeout } from '@cistern/runtime';

/** Settles as `answer` does. After `ms` of waking time it rejects as ioredis' own `commandTimeout` does. */
export function answersWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onTimeout = () => reject(new Error('Command timed out'));
    // Node reads the sockets between the two callbacks.
    const cancel = setAwakeTimeout(() => setImmediate(() => setImmediate(onTimeout)), ms);
    answer.then(resolve, reject).finally(cancel);
  });
}

/** Runs a query and returns its reply. `undefined` means that no reply is available now. Never rejects. */
export type QueryBriefly = <T>(query: () => Promise<T>) => Promise<T | undefined>;

const pauseMs = 2000;
const quietMs = 10_000;

/**
 * Creates a function for optional queries to Redis. A query waits for `commandTimeoutMs` at most. After a failure no
 * query is sent for two seconds, so that only one client waits for a Redis that hangs. `onFailure` is called for one
 * failure every ten seconds.
 */
export function createBriefQuery(options: {
  readonly commandTimeoutMs: number;
  readonly onFailure: (error: unknown) => void;
}): QueryBriefly {
  const { commandTimeoutMs, onFailure } = options;
  let pausedUntilMs = 0;
  let quietUntilMs = 0;
  return async (query) => {
    if (performance.now() < pausedUntilMs) return undefined;
    try {
      return await answersWithin(commandTimeoutMs, query());
    } catch (error) {
      pausedUntilMs = performance.now() + pauseMs;
      if (performance.now() >= quietUntilMs) {
        quietUntilMs = performance.now() + quietMs;
        onFailure(error);
      }
      return undefined;
    }
  };
}
