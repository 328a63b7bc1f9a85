import { setTimeout as sleep } from 'node:timers/promises';

const limitMs = 60_000;

/** Resolves when `condition` holds; rejects after a minute. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not true after ${limitMs} ms: ${condition.toString()}`);
    await sleep(2);
  }
}
