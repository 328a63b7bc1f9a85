// Waits for a condition of servers or other processes that no event announces.
// real-time: polls servers outside this process, and gives up after a limit
import { setTimeout as delay } from 'node:timers/promises';

/** Rejects with `what` if the condition does not hold within `limitMs`, or with the condition's own error. */
type Until = (what: string, condition: () => boolean | Promise<boolean>, limitMs?: number) => Promise<void>;

/** Checks the condition every `everyMs`. */
export function createUntil(everyMs: number): Until {
  return async (what, condition, limitMs = 60_000) => {
    const deadline = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`the condition did not hold within ${limitMs} ms: ${what}`);
      await delay(everyMs);
    }
  };
}
