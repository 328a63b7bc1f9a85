// A deadline that blames Redis only for what is its own: time in which this process stood still does not count, and what has
// come by then is read before Redis is blamed.
import { setAwakeTimeout } from '@cistern/runtime';

/** Settles as `answer` does, or rejects as ioredis' own `commandTimeout` would, after `ms` of waking time. */
export function answersWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new Error('Command timed out'));
    // Between the two, sockets are read.
    const cancel = setAwakeTimeout(() => setImmediate(() => setImmediate(late)), ms);
    answer.then(resolve, reject).finally(cancel);
  });
}

/** `undefined`: there is no answer now. Never rejects. */
export type QueryBriefly = <T>(question: () => Promise<T>) => Promise<T | undefined>;

const restMs = 2000;
const quietMs = 10_000;

/**
 * For questions to Redis that can be done without: each waits for `commandTimeoutMs` at most, and after a failure no question is
 * sent for two seconds, so that one client waits for a Redis that hangs, not all. `onFailure` is called for one failure every
 * ten seconds.
 */
export function createBriefQuery(options: {
  readonly commandTimeoutMs: number;
  readonly onFailure: (error: unknown) => void;
}): QueryBriefly {
  const { commandTimeoutMs, onFailure } = options;
  let restUntilMs = 0;
  let quietUntilMs = 0;
  return async (question) => {
    if (performance.now() < restUntilMs) return undefined;
    try {
      return await answersWithin(commandTimeoutMs, question());
    } catch (error) {
      restUntilMs = performance.now() + restMs;
      if (performance.now() >= quietUntilMs) {
        quietUntilMs = performance.now() + quietMs;
        onFailure(error);
      }
      return undefined;
    }
  };
}
