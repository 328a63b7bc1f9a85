// Prints the duration of an action with the result of the test. No test asserts the duration, because a busy machine is
// not a fault of the product.
// real-time: prints how long something took; nothing asserts it
import type { TestContext } from 'node:test';

/** Settles as `action` does. */
export async function diagnoseTime<T>(t: TestContext, what: string, action: () => Promise<T>): Promise<T> {
  const startedAtMs = performance.now();
  try {
    return await action();
  } finally {
    t.diagnostic(`${what} took ${Math.round(performance.now() - startedAtMs)} ms`);
  }
}
