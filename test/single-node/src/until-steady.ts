// Waits until nothing changes any more, for cases without a condition that marks the end.
// real-time: checks another process again after an interval
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

export interface Steadiness {
  /**
   * How many equal results in a row are required. A count is robust: after a standstill of the machine, more checks
   * follow.
   */
  readonly looks: number;
  readonly everyMs: number;
}

/** Resolves to the steady result. */
export async function untilSteady<T>(read: () => T | Promise<T>, { looks, everyMs }: Steadiness): Promise<T> {
  let found = await read();
  for (let same = 1; same < looks;) {
    await delay(everyMs);
    const now = await read();
    same = isDeepStrictEqual(now, found) ? same + 1 : 1;
    found = now;
  }
  return found;
}
