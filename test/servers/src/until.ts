// Waits until a condition of servers holds, if no event reports it.
// real-time: polls real servers, and gives up after a limit
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;
const timeoutMs = 60_000;

/** Resolves when `condition` resolves to true. A rejection means "not yet". Rejects after one minute. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      lastError = error;
    }
    await delay(pollMs);
  }
  throw new Error(`the condition did not hold within ${timeoutMs} ms: ${condition.toString()}`, { cause: lastError });
}
