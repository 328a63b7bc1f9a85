// Waits until nothing changes any more, where no condition tells that all is over.
// real-time: looks at another process again after an interval
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

export interface Steadiness {
  /** How many looks in a row have to find the same. They are counted, and not timed: after a standstill others follow. */
  readonly looks: number;
  readonly everyMs: number;
}

/** Resolves with what was found. */
export async function untilSteady<T>(look: () => T | Promise<T>, { looks, everyMs }: Steadiness): Promise<T> {
  let found = await look();
  for (let same = 1; same < looks;) {
    await delay(everyMs);
    const now = await look();
    same = isDeepStrictEqual(now, found) ? same + 1 : 1;
    found = now;
  }
  return found;
}
