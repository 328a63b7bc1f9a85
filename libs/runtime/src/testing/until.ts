// Waits for what must come to pass, and no longer.
import { setTimeout as sleep } from 'node:timers/promises';

/** Rejects when `condition` does not hold within `limitMs`. */
export async function until(condition: () => boolean, limitMs = 60_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`it did not come to pass within ${limitMs} ms: ${condition.toString()}`);
    await sleep(2);
  }
}
