// How full the queues are, for whoever watches the cluster.
import type { LaneFacts } from '../job-queue.ts';
import type { JobQueueNames } from './job-queue-name.ts';
import type { OpenedQueues } from './open-queues.ts';
import { queueError } from './queue-error.ts';

const failuresTold = 10;

/** Rejects with `index-unavailable`. */
export async function inspectQueues(lanes: JobQueueNames, queues: OpenedQueues): Promise<readonly LaneFacts[]> {
  try {
    return await Promise.all(
      lanes.all.map(async (lane) => {
        const queue = queues.of(lane);
        const [counts, [oldest], failures] = await Promise.all([
          queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
          queue.getJobs(['waiting', 'prioritized'], 0, 0, true),
          queue.getFailed(0, failuresTold - 1),
        ]);
        const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
        return {
          lane: lane.name,
          waiting: waiting + prioritized,
          active,
          delayed,
          failed,
          // One that was taken away between two questions is no job any more.
          failures: failures
            .filter((job) => job !== undefined)
            .map(({ name, failedReason, finishedOn = 0 }) => ({ name, reason: failedReason, atMs: finishedOn })),
          oldestAddedAtMs: oldest?.timestamp,
        };
      }),
    );
  } catch (error) {
    throw queueError(error);
  }
}
