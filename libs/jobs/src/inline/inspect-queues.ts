// How full the queue of a single process is, and what has failed in it.
import type { LaneFacts } from '../job-queue.ts';
import type { Queue } from './create-queues.ts';
import type { InlineJob } from './inline-job.ts';

const failuresKept = 10;

export function inspectQueues(lanes: readonly Queue[]): readonly LaneFacts[] {
  return lanes.map(({ name, waiting, running, failures }) => {
    const addedAtMs = [...waiting].map((job) => job.addedAtMs);
    return {
      lane: name,
      waiting: waiting.size,
      active: running.size,
      delayed: 0,
      failed: failures.length,
      failures: [...failures],
      oldestAddedAtMs: addedAtMs.length === 0 ? undefined : Math.min(...addedAtMs),
    };
  });
}

export function noteFailure({ failures }: Queue, { name }: InlineJob, error: unknown, atMs: number): void {
  failures.unshift({ name, reason: error instanceof Error ? error.message : String(error), atMs });
  failures.splice(failuresKept);
}
