// A deadline that blames Redis only for what is its own: time in which this process stood still does not count, and what has
// come by then is read before anybody is blamed.
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
