// Waits until a condition of other processes holds, if no event reports it.
// real-time: polls servers outside this process, and gives up after a limit
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Resolves when the condition holds. Rejects with an error that contains `what` if the condition does not hold within
 * `limitMs`, or with the condition's own error.
 */
type Until = (what: string, condition: () => boolean | Promise<boolean>, limitMs?: number) => Promise<void>;

/** Creates a function that checks a condition every `everyMs`. */
export function createUntil(everyMs: number): Until {
  return async (what, condition, limitMs = 60_000) => {
    const deadline = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`the condition did not hold within ${limitMs} ms: ${what}`);
      await delay(everyMs);
    }
  };
}
