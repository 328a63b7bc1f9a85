// Waits for what must come to pass, and no longer.
// real-time: polls containers, and gives up after a limit
import { setTimeout as delay } from 'node:timers/promises';

/** Rejects, saying `what`, when the condition does not hold within `limitMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(500);
  }
}
