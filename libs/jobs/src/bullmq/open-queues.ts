// The four BullMQ queues on one ioredis client, for callers. Adds jobs and counts them.
import { randomUUID } from 'node:crypto';
import { CacheError, isCacheError } from '@cistern/errors';
import { answersWithin } from '@cistern/redis';
import { Queue } from 'bullmq';
import type { JobName, JobPayload } from '../catalogue.ts';
import { tooManyWaiting } from '../job-errors.ts';
import { failuresKeptMs, failuresShown, type JobOptions, type QueueState } from '../job-queue.ts';
import {
  deduplicationIdOf,
  type JobProbe,
  type JobQueueName,
  type JobQueueNames,
  type ProbedJob,
  sealPayload,
} from './job-layout.ts';
import type { RedisClient } from './redis-clients.ts';

export interface QueuesOptions {
  readonly client: RedisClient;
  readonly queueNames: JobQueueNames;
  readonly probe: (job: ProbedJob) => Promise<JobProbe>;
  readonly maxWaiting: number;
  /** How long Redis may take to add or probe a job. */
  readonly commandTimeoutMs: number;
  readonly onError: (error: unknown) => void;
}

interface AddedJob extends ProbedJob {
  /** True if the job may have begun before this call. */
  readonly hasBegun: boolean;
}

/** Methods reject with `index-unavailable` if Redis does not answer or reports an error. */
export interface OpenedQueues {
  /**
   * Adds a job, or joins the waiting or running job with the same key. Rejects with `overloaded` if too many jobs wait.
   */
  add(name: JobName, payload: JobPayload<JobName>, options: JobOptions): Promise<AddedJob>;
  inspect(): Promise<readonly QueueState[]>;
  close(): Promise<void>;
}

/**
 * Failed jobs stay in Redis for a while, so that an operator can see their errors. Successful jobs are removed
 * immediately.
 */
const keepFailed = { age: failuresKeptMs / 1000, count: failuresShown };
const countEveryMs = 500;
/**
 * Release 0.1 stored these schedules in Redis. Its workers create them again, so every start removes them until no such
 * worker runs.
 */
const formerSchedules = ['sweep-uploads store', 'plan-prewarm all'];

export function openQueues(options: QueuesOptions): OpenedQueues {
  const { client, queueNames, probe, maxWaiting, commandTimeoutMs } = options;
  const queues = new Map(queueNames.all.map((queueName) => [queueName, openQueue(queueName, options)]));
  const checks = new Map(
    queueNames.all.map((queueName) => [queueName, createBacklogCheck(client, queueName, maxWaiting)]),
  );

  const formerQueue = queues.get(queueNames.of('prewarm-tag', 'background'))!;
  for (const id of formerSchedules) formerQueue.removeJobScheduler(encodeURIComponent(id)).catch(() => {});

  async function addOnce(queueName: JobQueueName, name: JobName, payload: JobPayload<JobName>, jobOptions: JobOptions) {
    const { dedupKey } = jobOptions;
    const job: ProbedJob = { queueName, id: randomUUID(), deduplicationId: deduplicationIdOf(name, dedupKey) };
    const added = await queues.get(queueName)!.add(name, sealPayload(payload, jobOptions), {
      jobId: job.id,
      deduplication: { id: job.deduplicationId },
      ...attemptsIn(queueName),
    });
    return { ...job, id: added.id ?? job.id, joined: added.id !== job.id };
  }

  return {
    add: (name, payload, jobOptions) =>
      withIndexErrors(async () => {
        const queueName = queueNames.of(name, jobOptions.class);
        checks.get(queueName)!(name);
        const job = await answersWithin(commandTimeoutMs, addOnce(queueName, name, payload, jobOptions));
        const state = job.joined ? (await answersWithin(commandTimeoutMs, probe(job))).state : 'waiting';
        if (state !== 'lost') return { ...job, hasBegun: state !== 'waiting' };
        const again = await answersWithin(commandTimeoutMs, addOnce(queueName, name, payload, jobOptions));
        return { ...again, hasBegun: again.joined };
      }),
    inspect: () =>
      withIndexErrors(() => Promise.all([...queues].map(async ([queueName, queue]) => inspectQueue(queueName, queue)))),
    async close() {
      await Promise.all([...queues.values()].map(async (queue) => queue.close()));
    },
  };
}

/** Converts errors of Redis and ioredis to `index-unavailable`. A CacheError stays unchanged. */
async function withIndexErrors<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (isCacheError(cause)) throw cause;
    const message = 'Redis did not answer the job queue. Try again in a moment.';
    throw new CacheError('index-unavailable', message, { retryable: true, cause });
  }
}

function openQueue(queueName: JobQueueName, { client, onError }: QueuesOptions): Queue {
  const queue = new Queue(queueName.name, {
    connection: client,
    prefix: queueName.prefix,
    // ioredis itself rejects commands while it is not connected. The version of Redis is checked where the index is
    // opened.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: { removeOnComplete: true, removeOnFail: keepFailed, stackTraceLimit: 1 },
  });
  queue.on('error', onError);
  return queue;
}

/** Only background jobs are retried. An interactive job has a caller, which knows better whether and when to retry. */
function attemptsIn(queueName: JobQueueName): { attempts: number; backoff: { type: 'custom' } } | undefined {
  return queueName.class === 'background' ? { attempts: 3, backoff: { type: 'custom' } } : undefined;
}

/**
 * Limits the number of waiting jobs without a command to Redis before every job. The returned function throws
 * `overloaded` if too many jobs waited at the last count.
 */
function createBacklogCheck(client: RedisClient, queueName: JobQueueName, maxWaiting: number): (name: JobName) => void {
  let waiting = 0;
  let countedAtMs = 0;

  async function count(): Promise<void> {
    waiting = await client.llen(queueName.key('wait'));
  }

  return (name) => {
    if (Date.now() - countedAtMs > countEveryMs) {
      countedAtMs = Date.now();
      // The error is ignored, because the command that adds the job then fails too, with a better message.
      count().catch(() => {});
    }
    if (waiting >= maxWaiting) throw tooManyWaiting(waiting, name);
  };
}

async function inspectQueue(queueName: JobQueueName, queue: Queue): Promise<QueueState> {
  const [counts, [oldest], failures] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
    queue.getJobs(['waiting', 'prioritized'], 0, 0, true),
    queue.getFailed(0, failuresShown - 1),
  ]);
  const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
  return {
    name: queueName.name,
    waiting: waiting + prioritized,
    active,
    delayed,
    failed,
    // A job that was removed between the two commands of BullMQ is `undefined`, so it is omitted.
    failures: failures
      .filter((job) => job !== undefined)
      .map(({ name, failedReason, finishedOn = 0 }) => ({ name, reason: failedReason, atMs: finishedOn })),
    oldestAddedAtMs: oldest?.timestamp,
  };
}
