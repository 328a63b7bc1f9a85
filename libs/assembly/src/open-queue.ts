// Opens the job queue. Without Redis it is in this process. With Redis the nodes of a cluster share it; only then
// BullMQ and ioredis are loaded.
import type { Config } from '@cistern/config';
import type { JobHandlers, JobQueue, JobSlots, JobWorkers, QueueState } from '@cistern/jobs';
import { createInlineJobs } from '@cistern/jobs/inline';
import type { Logger, Tracing } from '@cistern/telemetry';
import { redisConnectionOf } from './redis-of.ts';
import { traceQueue } from './trace-parts.ts';

export interface OpenedQueue {
  readonly queue: JobQueue;
  /**
   * Starts to run the queue's jobs in this process. Must be called at most one time. The caller closes the returned
   * workers before the queue. `id` distinguishes this worker from others.
   */
  work(handlers: JobHandlers, id: string): Promise<JobWorkers>;
  /** Returns the numbers of jobs and the last failures. Rejects with `index-unavailable`. */
  inspect(): Promise<readonly QueueState[]>;
  /** Closes the queue. Calls that wait for jobs reject; the jobs themselves continue. */
  close(): Promise<void>;
}

/** Largest number of jobs of a kind that can wait for a job slot. */
const maxWaiting = 10_000;
/** Job slots for all jobs except blob fetches. `limitPerUpstream` limits the share of each upstream. */
const shortSlots = { interactive: 1_024, background: 256 };

/** Returns the part of `worker.concurrency` for fetches for which no client waits. */
export function backgroundSlots(concurrency: number): number {
  return Math.max(1, Math.floor(concurrency / 4));
}

export interface OpenQueueOptions {
  readonly log: Logger;
  readonly tracing?: Tracing | undefined;
  /** Returns the number of live workers in the cluster. Needed by `work`. */
  readonly countWorkers?: (() => Promise<number | undefined>) | undefined;
}

/**
 * Resolves within seconds even if Redis is unavailable. The queue then rejects with `index-unavailable` until Redis is
 * available.
 */
export async function openQueue(
  config: Pick<Config, 'redis' | 'worker'>,
  { log, tracing, countWorkers }: OpenQueueOptions,
): Promise<OpenedQueue> {
  const opened = await openPlainQueue(config, { log, countWorkers });
  return tracing === undefined ? opened : { ...opened, queue: traceQueue(opened.queue, tracing) };
}

async function openPlainQueue(
  { redis, worker: { concurrency } }: Pick<Config, 'redis' | 'worker'>,
  { log, countWorkers }: OpenQueueOptions,
): Promise<OpenedQueue> {
  const slots: JobSlots = {
    // Interactive jobs need many slots but hold them only briefly: a job ends when its fetch is parked. A background
    // job holds its slot until its prewarmed image is cached.
    blob: { interactive: shortSlots.background, background: backgroundSlots(concurrency) },
    short: shortSlots,
  };
  if (redis === undefined) {
    const jobs = createInlineJobs({ slots, maxWaiting, log });
    return {
      queue: jobs.queue,
      inspect: async () => jobs.inspect(),
      work: async (handlers) => jobs.work(handlers),
      close: async () => {},
    };
  }
  const options = { ...redis, connection: redisConnectionOf(redis), log };
  const { openBullmqQueue, openBullmqWorkers } = await import('@cistern/jobs/bullmq');
  return {
    ...(await openBullmqQueue({ ...options, maxWaiting })),
    work: async (handlers, id) =>
      openBullmqWorkers({ ...options, handlers, slots, place: countWorkers && { id, countWorkers } }),
  };
}
