// A deadline that blames Redis only for what is its own: where this process was too busy to read, an answer that has come
// counts. Node runs timers before it reads from sockets, so a late timer alone says nothing.

/** Settles as `answer` does, or rejects as ioredis' own `commandTimeout` would. */
export function answersWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new Error('Command timed out'));
    // Between the two, sockets are read.
    const timer = setTimeout(() => setImmediate(() => setImmediate(late)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
