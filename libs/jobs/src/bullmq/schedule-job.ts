// Jobs that are done again and again, by BullMQ's job schedulers (decision 0020). Redis holds the schedule, and the worker that
// takes a run adds the next one.
import { isDeepStrictEqual } from 'node:util';
import { answersWithin } from '@cistern/redis';
import type { JobName, JobPayload } from '../catalogue.ts';
import { checkInterval } from '../check-interval.ts';
import type { ScheduleOptions } from '../job-queue.ts';
import { sealPayload } from './job-envelope.ts';
import { deduplicationId, type JobQueueName, type JobQueueNames } from './job-queue-name.ts';
import { attemptsIn, type OpenedQueues } from './open-queues.ts';
import { queueError } from './queue-error.ts';
import type { RedisClient } from './redis-clients.ts';

export interface ScheduleJobDeps {
  readonly client: RedisClient;
  readonly lanes: JobQueueNames;
  readonly queues: OpenedQueues;
  readonly commandTimeoutMs: number;
}

/** Rejects with `index-unavailable` when Redis does not do it. */
export type ScheduleJob = (name: JobName, payload: JobPayload<JobName>, options: ScheduleOptions) => Promise<void>;

export function createJobScheduler({ client, lanes, queues, commandTimeoutMs }: ScheduleJobDeps): ScheduleJob {
  /** Whether the next run is there. It is not if a worker was killed between taking a run and putting the next down. */
  async function isThere(lane: JobQueueName, id: string, next: number | undefined): Promise<boolean> {
    const [addedAt = null, finishedOn = null] = await client.hmget(
      lane.key(`repeat:${id}:${next}`),
      'timestamp',
      'finishedOn',
    );
    return addedAt !== null && finishedOn === null;
  }

  async function put(name: JobName, payload: JobPayload<JobName>, { everyMs, dedupKey }: ScheduleOptions) {
    const lane = lanes.of(name, 'background');
    const deduplication = { id: deduplicationId(name, dedupKey) };
    // Ids with many colons were something else in older releases of BullMQ.
    const id = encodeURIComponent(deduplication.id);
    const data = sealPayload(payload);
    const queue = queues.of(lane);
    const known = await queue.getJobScheduler(id);
    // BullMQ would take a run that waits out of the queue, and put it at the queue's end again.
    const isSame = known?.every === everyMs && isDeepStrictEqual(known.template?.data, data);
    if (isSame && (await isThere(lane, id, known.next))) return;
    // It would reckon with where in the old interval the runs were, too (BullMQ 6.7).
    if (known !== undefined && known.every !== everyMs) await queue.removeJobScheduler(id);
    const opts = { deduplication, ...attemptsIn(lane) };
    await queue.upsertJobScheduler(id, { every: everyMs }, { name, data, opts });
  }

  return async (name, payload, options) => {
    checkInterval(options.everyMs);
    try {
      // A schedule takes several commands, one after the other.
      await answersWithin(2 * commandTimeoutMs, put(name, payload, options));
    } catch (cause) {
      throw queueError(cause);
    }
  };
}
