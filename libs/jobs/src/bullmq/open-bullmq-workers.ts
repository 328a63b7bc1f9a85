// The part of the job queue that does the jobs, with one BullMQ worker for each of the four queues.
import type { RedisConnection } from '@cistern/redis';
import { endsWithin } from '@cistern/runtime';
import { Worker } from 'bullmq';
import type { WorkerIdentity } from '../hand-over.ts';
import { shuttingDown } from '../job-errors.ts';
import type { JobHandlers, JobSlots, JobWorkers } from '../job-queue.ts';
import { announceEnd, createQueueNames } from './job-layout.ts';
import { type BullmqLog, logQueueErrors } from './log-queue-errors.ts';
import { performJob, retryDelayMs, type Stopping } from './perform-job.ts';
import { openWorkingClient } from './redis-clients.ts';

export interface BullmqWorkersOptions {
  readonly connection: RedisConnection;
  /** The prefix of every key and channel. It is the same for queue and workers. */
  readonly keyPrefix: string;
  readonly handlers: JobHandlers;
  /** How many jobs run at the same time in this process. */
  readonly slots: JobSlots;
  /** The identity of this worker. By default failed jobs are not handed over to other workers. */
  readonly place?: WorkerIdentity | undefined;
  readonly log: BullmqLog;
}

const readyWithinMs = 2000;
/** A worker that renews no lock for this long has lost its jobs. A new call then adds a new job. */
const lockMs = 4000;
const renewLockMs = 1000;
const endAfterAbortMs = 1000;
/** How long the final commands of BullMQ to Redis may take. */
const finalCommandsMs = 1000;

/**
 * Works around BullMQ 6.7: a worker that is closed while Redis is unavailable would try to renew its locks for ever.
 */
function stopRenewing(worker: Worker): void {
  const { lockManager } = worker as unknown as { readonly lockManager: { close(): Promise<void> } };
  void lockManager.close();
}

/**
 * Opens the workers, which begin when Redis is available. Resolves after two seconds at most, even if Redis is
 * unavailable. A job may run a second time if its worker renewed no lock for four seconds, or if Redis lost its data.
 * The caller closes the workers before the resources of their handlers.
 */
export async function openBullmqWorkers(options: BullmqWorkersOptions): Promise<JobWorkers> {
  const { connection, keyPrefix, handlers, slots, place, log } = options;
  const queueNames = createQueueNames(keyPrefix);
  const { client, close: closeClients } = openWorkingClient(connection);
  const errors = logQueueErrors(client, log);

  const [taking, handling, waiting] = [new AbortController(), new AbortController(), new AbortController()];
  const stopping: Stopping = { taking: taking.signal, handling: handling.signal, waiting: waiting.signal };
  const running = new Set<Promise<unknown>>();
  function track<T>(work: Promise<T>): Promise<T> {
    running.add(work);
    return work.finally(() => running.delete(work));
  }
  const deps = { client, handlers, place, log, stopping, track };

  const workers = queueNames.all.map((queueName) => {
    const worker = new Worker(
      queueName.name,
      async (job, token = '') => track(performJob(deps, queueName, job, token)),
      {
        connection: client,
        prefix: queueName.prefix,
        concurrency: slots[queueName.group][queueName.class],
        skipVersionCheck: true,
        lockDuration: lockMs,
        lockRenewTime: renewLockMs,
        // The check for stalled jobs only removes them. It restarts no job, and no job waits for it.
        maxStalledCount: 0,
        stalledInterval: 10_000,
        runRetryDelay: 1000,
        settings: { backoffStrategy: (attemptsMade, _type, error) => retryDelayMs(attemptsMade, error) },
      },
    );
    const announce = (jobId: string | undefined): void => {
      if (jobId !== undefined) announceEnd(client, queueNames, queueName, jobId).catch(errors.note);
    };
    worker.on('completed', (job) => announce(job.id));
    worker.on('failed', (job) => announce(job?.id));
    worker.on('error', errors.note);
    return worker;
  });
  await endsWithin(Promise.all(workers.map(async (worker) => worker.waitUntilReady())), readyWithinMs);

  async function end(graceMs: number): Promise<void> {
    const stopped = shuttingDown();
    taking.abort(stopped);
    const closed = Promise.all(workers.map(async (worker) => worker.close()));
    if (!(await endsWithin(Promise.allSettled(running), graceMs))) {
      handling.abort(stopped);
      await endsWithin(Promise.allSettled(running), endAfterAbortMs);
      waiting.abort(stopped);
    }
    await endsWithin(closed, client.status === 'ready' ? finalCommandsMs : 0);
    errors.close();
    await closeClients();
    if (!(await endsWithin(closed, finalCommandsMs))) for (const worker of workers) stopRenewing(worker);
  }

  let closing: Promise<void> | undefined;
  return {
    close(graceMs) {
      closing ??= end(graceMs);
      return closing;
    },
  };
}
