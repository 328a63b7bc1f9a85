// Waits for what servers agree on among themselves.
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;
const timeoutMs = 60_000;

/** Resolves once `condition` does so to true; a rejection means "not yet". Rejects after a minute. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
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
  throw new Error(`the servers were not where they should be after ${timeoutMs} ms`, { cause: lastError });
}
