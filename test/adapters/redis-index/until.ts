// Waits for a condition that no promise tells of.
// real-time: polls a real Redis; no event announces the condition
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `condition` does so to true; a rejection means "not yet". The test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await Promise.try(condition).catch(() => false))) await delay(10);
}
