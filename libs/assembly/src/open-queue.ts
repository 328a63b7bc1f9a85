// The queue: in Redis between the nodes of a cluster, otherwise in this process. Only a cluster loads BullMQ and its
// client.
import type { Config } from '@cistern/config';
import type { JobHandlers, JobQueue, JobSlots, JobWorkers, QueueState } from '@cistern/jobs';
import { createInlineJobs } from '@cistern/jobs/inline';
import type { Logger, Tracing } from '@cistern/telemetry';
import { redisConnectionOf } from './redis-of.ts';
import { traceQueue } from './trace-parts.ts';

export interface OpenedQueue {
  readonly queue: JobQueue;
  /**
   * Starts to run the queue's jobs in this process; call it once. The caller closes the workers, before the queue. `id`
   * distinguishes this worker from others.
   */
  work(handlers: JobHandlers, id: string): Promise<JobWorkers>;
  /** Returns the fill level and failures of the queue. Rejects with `index-unavailable`. */
  look(): Promise<readonly QueueState[]>;
  /** Ends the calls that wait for jobs; the jobs themselves continue. */
  close(): Promise<void>;
}

/** How many jobs of a kind may wait for a slot. */
const maxWaiting = 10_000;
/** Each upstream may use a part of these (`limitPerUpstream`). */
const shortSlots = { interactive: 1_024, background: 256 };

/** Returns the share of `worker.concurrency` for fetches that no client waits for. */
export function backgroundSlots(concurrency: number): number {
  return Math.max(1, Math.floor(concurrency / 4));
}

export interface OpenQueueOptions {
  readonly log: Logger;
  readonly tracing?: Tracing | undefined;
  /** Returns the number of live workers in the cluster; `work` needs it. */
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
    // Jobs for clients only park the fetch. A prewarmed image takes a slot until it is cached.
    blob: { interactive: shortSlots.background, background: backgroundSlots(concurrency) },
    short: shortSlots,
  };
  if (redis === undefined) {
    const jobs = createInlineJobs({ slots, maxWaiting, log });
    return {
      queue: jobs.queue,
      look: async () => jobs.look(),
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
