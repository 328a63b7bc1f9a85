// A deadline that blames Redis only for what is its own: time in which this process stood still, stopped, starved or too
// busy to read, does not count, for then the whole machine may have, and Node runs timers before it reads from sockets.

const steps = 10;

/**
 * Settles as `answer` does, or rejects as ioredis' own `commandTimeout` would. A standstill of whatever length costs a tenth
 * of `ms` at most.
 */
export function answersWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new Error('Command timed out'));
    let left = steps;
    let timer = setTimeout(step, ms / steps);
    function step(): void {
      left -= 1;
      if (left > 0) timer = setTimeout(step, ms / steps);
      // Between the two, sockets are read.
      else setImmediate(() => setImmediate(late));
    }
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
