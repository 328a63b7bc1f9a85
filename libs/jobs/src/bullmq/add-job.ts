// Puts one job into its queue, or joins the one with the same key that waits or runs.
import { randomUUID } from 'node:crypto';
import type { JobName, JobPayload } from '../catalogue.ts';
import type { JobOptions } from '../job-queue.ts';
import { answersWithin } from '@cistern/redis';
import { type BacklogGuard, createBacklogGuard } from './backlog-guard.ts';
import { sealPayload } from './job-envelope.ts';
import { deduplicationId, type JobQueueName, type JobQueueNames } from './job-queue-name.ts';
import { attemptsIn, type OpenedQueues } from './open-queues.ts';
import type { JobProbe, ProbedJob } from './probe-job.ts';
import { queueError } from './queue-error.ts';
import type { RedisClient } from './redis-clients.ts';

export interface AddJobDeps {
  readonly client: RedisClient;
  readonly lanes: JobQueueNames;
  readonly queues: OpenedQueues;
  readonly probe: (job: ProbedJob) => Promise<JobProbe>;
  readonly maxWaiting: number;
  /** For Redis to add a job or look at one. */
  readonly commandTimeoutMs: number;
}

/** Rejects with `overloaded` or, when Redis does not do it, `index-unavailable`. */
export type AddJob = (name: JobName, payload: JobPayload<JobName>, options: JobOptions) => Promise<ProbedJob>;

export function createJobAdder(deps: AddJobDeps): AddJob {
  const { client, lanes, queues, probe, maxWaiting, commandTimeoutMs } = deps;
  const guards = new Map<JobQueueName, BacklogGuard>();
  for (const lane of lanes.all) guards.set(lane, createBacklogGuard({ client, lane, maxWaiting }));

  async function addOnce(lane: JobQueueName, name: JobName, payload: JobPayload<JobName>, options: JobOptions) {
    const { dedupKey, traceparent } = options;
    const job: ProbedJob = { lane, id: randomUUID(), deduplicationId: deduplicationId(name, dedupKey) };
    const taken = await queues.of(lane).add(name, sealPayload(payload, traceparent), {
      jobId: job.id,
      deduplication: { id: job.deduplicationId },
      ...attemptsIn(lane),
    });
    return { ...job, id: taken.id ?? job.id, joined: taken.id !== job.id };
  }

  return async (name, payload, options) => {
    const lane = lanes.of(name, options.class);
    try {
      guards.get(lane)!.check(name);
      const job = await answersWithin(commandTimeoutMs, addOnce(lane, name, payload, options));
      const isLost = job.joined && (await answersWithin(commandTimeoutMs, probe(job))).state === 'lost';
      return isLost ? await answersWithin(commandTimeoutMs, addOnce(lane, name, payload, options)) : job;
    } catch (cause) {
      throw queueError(cause);
    }
  };
}
