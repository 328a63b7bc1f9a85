// Puts one job into its queue, or joins the one with the same key that waits or runs.
import { randomUUID } from 'node:crypto';
import { CacheError, isCacheError } from '@cistern/errors';
import { Queue } from 'bullmq';
import type { JobName, JobPayload } from '../catalogue.ts';
import type { JobOptions } from '../job-queue.ts';
import { type BacklogGuard, createBacklogGuard } from './backlog-guard.ts';
import { sealPayload } from './job-envelope.ts';
import { deduplicationId, type JobLane, type JobLanes } from './job-lane.ts';
import type { JobProbe, ProbedJob } from './probe-job.ts';
import type { RedisClient } from './redis-clients.ts';

export interface AddJobDeps {
  readonly client: RedisClient;
  readonly lanes: JobLanes;
  readonly probe: (job: ProbedJob) => Promise<JobProbe>;
  readonly maxWaiting: number;
  readonly onError: (error: unknown) => void;
}

export interface JobAdder {
  /** Rejects with `overloaded` or, when Redis does not do it, `index-unavailable`. */
  add(name: JobName, payload: JobPayload<JobName>, options: JobOptions): Promise<ProbedJob>;
  close(): Promise<void>;
}

/** Enough to see what went wrong, little enough to forget about. */
const keep = { age: 3600, count: 100 };

export function createJobAdder({ client, lanes, probe, maxWaiting, onError }: AddJobDeps): JobAdder {
  const queues = new Map<JobLane, { readonly queue: Queue; readonly guard: BacklogGuard }>();
  for (const lane of lanes.all) {
    const { name, prefix } = lane;
    const queue = new Queue(name, {
      connection: client,
      prefix,
      // The client refuses by itself what it cannot do now; the version is checked where the index is opened.
      skipWaitingForReady: true,
      skipVersionCheck: true,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: keep, removeOnFail: keep, stackTraceLimit: 1 },
    });
    queue.on('error', onError);
    queues.set(lane, { queue, guard: createBacklogGuard({ client, lane, maxWaiting }) });
  }

  async function addOnce(lane: JobLane, name: JobName, payload: JobPayload<JobName>, dedupKey: string) {
    const job: ProbedJob = { lane, id: randomUUID(), deduplicationId: deduplicationId(name, dedupKey) };
    const taken = await queues.get(lane)!.queue.add(name, sealPayload(payload), {
      jobId: job.id,
      deduplication: { id: job.deduplicationId },
      // An asker of an interactive job tries again by itself, and knows better when.
      ...(lane.class === 'background' && { attempts: 3, backoff: { type: 'custom' } }),
    });
    return { ...job, id: taken.id ?? job.id, joined: taken.id !== job.id };
  }

  return {
    async add(name, payload, { dedupKey, class: jobClass }) {
      const lane = lanes.of(name, jobClass);
      try {
        queues.get(lane)!.guard.check(name);
        const job = await addOnce(lane, name, payload, dedupKey);
        const isLost = job.joined && (await probe(job)).state === 'lost';
        return isLost ? await addOnce(lane, name, payload, dedupKey) : job;
      } catch (cause) {
        if (isCacheError(cause)) throw cause;
        const message = 'Redis, which holds the job queue, does not answer as it should. Try again in a moment.';
        throw new CacheError('index-unavailable', message, { retryable: true, cause });
      }
    },
    async close() {
      await Promise.all([...queues.values()].map(async ({ queue }) => queue.close()));
    },
  };
}
