// The queue: in Redis between the nodes of a cluster, else inside this process. BullMQ and its client are loaded for the former
// alone.
import type { Config } from '@cistern/config';
import type { JobHandlers, JobQueue, JobSlots, JobWorkers, QueueState } from '@cistern/jobs';
import { createInlineJobs } from '@cistern/jobs/inline';
import type { Logger, Tracing } from '@cistern/telemetry';
import { redisConnectionOf } from './redis-of.ts';
import { traceQueue } from './trace-parts.ts';

export interface OpenedQueue {
  readonly queue: JobQueue;
  /**
   * Begins to do the queue's jobs in this process, once. The caller closes the workers, and that before the queue. `id`: of this worker
   * among others.
   */
  work(handlers: JobHandlers, id: string): Promise<JobWorkers>;
  /** How full the queue is, and what has failed in it. Rejects with `index-unavailable`. */
  look(): Promise<readonly QueueState[]>;
  /** Ends what waits for jobs; the jobs themselves go on. */
  close(): Promise<void>;
}

/** How many jobs of a kind may wait for a slot. */
const maxWaiting = 10_000;
/** Each upstream may have a part of them (`limitPerUpstream`). */
const shortSlots = { interactive: 1_024, background: 256 };

/** Of `worker.concurrency`: fetches that no client waits for. */
export function backgroundSlots(concurrency: number): number {
  return Math.max(1, Math.floor(concurrency / 4));
}

export interface OpenQueueOptions {
  readonly log: Logger;
  readonly tracing?: Tracing | undefined;
  /** How many workers of the cluster live; needed for work. */
  readonly countWorkers?: (() => Promise<number | undefined>) | undefined;
}

/** Resolves within seconds even if Redis is away: then the queue rejects with `index-unavailable` until it is there. */
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
    // Fetches of clients only park. Images that are fetched early take a slot until they are here.
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
