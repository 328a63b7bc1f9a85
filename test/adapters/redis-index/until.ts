// Waits for a condition that no promise reports.
// real-time: polls a real Redis; no event announces the condition
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `condition` resolves to true. A rejection means "not yet". The test's own time limit ends the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await Promise.try(condition).catch(() => false))) await delay(10);
}
