// Waits until a result does not change any more, for tests in which no condition marks the end of the changes.
// real-time: checks another process again after an interval
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

export interface Steadiness {
  /**
   * The required number of equal results in a row. A number is more robust than a duration, because after a pause of
   * the machine the remaining checks still follow.
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
