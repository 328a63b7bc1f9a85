// The end of the inline workers: what waits is refused, what runs may end, and what does not end in time is aborted.
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import type { Queue } from './create-queues.ts';
import { settleJob } from './inline-job.ts';

const endAfterAbortMs = 1000;

/** Resolves as `JobWorkers.close` says. The caller lets nothing new into the lanes. */
export async function closeQueues(lanes: readonly Queue[], graceMs: number): Promise<void> {
  const stopped = new CacheError('overloaded', 'The cache is shutting down; ask again.', { retryable: true });
  for (const lane of lanes) {
    for (const job of lane.waiting) settleJob(job, (waiter) => waiter.reject(stopped));
    lane.waiting.clear();
  }
  if (await endWithin(lanes, graceMs)) return;
  const late = lanes.flatMap((lane) => [...lane.running.keys()]);
  for (const job of late) job.abort.abort(stopped);
  await endWithin(lanes, endAfterAbortMs);
  // A handler that does not heed its signal holds up neither the end of the process nor those who wait for it.
  for (const job of late) settleJob(job, (waiter) => waiter.reject(stopped));
}

async function endWithin(lanes: readonly Queue[], ms: number): Promise<boolean> {
  const running = lanes.flatMap((lane) => [...lane.running.values()]);
  const timer = new AbortController();
  try {
    return await Promise.race([Promise.all(running).then(() => true), delay(ms, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
