// Waits for a condition of servers that no event announces.
// real-time: polls real servers, and gives up after a limit
import { setTimeout as delay } from 'node:timers/promises';

/** Rejects with `what` when the condition does not hold within `limitMs`, and as the condition does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(5);
  }
}
