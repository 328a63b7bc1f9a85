// Performs one job of BullMQ: calls its handler and stores the outcome for the callers.
import { setTimeout } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';
import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import type { JobName } from '../catalogue.ts';
import { handsOver, type WorkerIdentity } from '../hand-over.ts';
import { isAnswer, overloaded } from '../job-errors.ts';
import type { JobContext, JobHandler, JobHandlers } from '../job-queue.ts';
import {
  encodeError,
  encodeResult,
  type JobQueueName,
  outcomeKey,
  outcomeTtlMs,
  traceparentOf,
  triedByOf,
  unsealPayload,
} from './job-layout.ts';
import type { BullmqLog } from './log-queue-errors.ts';
import type { RedisClient } from './redis-clients.ts';

export interface PerformDeps {
  readonly client: RedisClient;
  readonly handlers: JobHandlers;
  readonly place: WorkerIdentity | undefined;
  readonly log: BullmqLog;
  readonly stopping: Stopping;
  /** Delays the end of the workers until `work` has settled. */
  track(work: Promise<unknown>): void;
}

/** The stages of the shutdown of the workers. */
export interface Stopping {
  /** Aborted when no further job may begin. */
  readonly taking: AbortSignal;
  /** Aborted when the grace period is over. It aborts the handlers. */
  readonly handling: AbortSignal;
  /** Aborted when the workers stop waiting for handlers. */
  readonly waiting: AbortSignal;
}

/**
 * A job that this release does not know is offered to other workers every second, for about as long as a caller waits.
 */
const unknownJobDelayMs = 1000;
const maxUnknownJobDelays = 30;
const maxRetryDelayMs = 60_000;
/**
 * A worker that failed to do a job returns it to the queue for two seconds at most. Then the same worker tries again,
 * and a further failure is the outcome.
 */
const requeueAfterMs = 20;
const maxRequeues = 100;

export async function performJob(deps: PerformDeps, queueName: JobQueueName, job: Job, token: string): Promise<null> {
  const { handlers, place, stopping, log } = deps;
  if (stopping.taking.aborted) return returnToQueue(job, token);
  const triedBy = triedByOf(job.data);
  if (place !== undefined && triedBy.includes(place.id) && job.attemptsStarted - triedBy.length <= maxRequeues)
    return leaveToOtherWorkers(deps, job, token);
  const payload = unsealPayload(job.data);
  const handle = (handlers as Readonly<Record<string, JobHandler<JobName> | undefined>>)[job.name];
  if (payload === undefined || handle === undefined) return refuse(deps, queueName, job, token);
  let outcome: string;
  try {
    const context: JobContext = {
      class: queueName.class,
      traceparent: traceparentOf(job.data),
      signal: stopping.handling,
      handsOver: (error) => handsOver(place, error, triedBy),
    };
    outcome = encodeResult(await untilAborted(handle(payload, context), stopping.waiting));
  } catch (error) {
    // The shutdown aborted the handler. Another worker starts the job again, and its callers do not notice.
    if (stopping.handling.aborted) return returnToQueue(job, token);
    const tried = await handsOver(place, error, triedBy);
    if (tried !== undefined) {
      await job.updateData({ ...(job.data as object), triedBy: tried });
      return leaveToOtherWorkers(deps, job, token);
    }
    if (!isCacheError(error))
      log.error({ err: error, job: job.name, class: queueName.class }, 'job failed unexpectedly');
    if (mayTryAgain(job, error)) throw error;
    await recordOutcome(deps, queueName, job, encodeError(error));
    if (isAnswer(job.name, error)) return null;
    throw new UnrecoverableError(error instanceof Error ? error.message : String(error));
  }
  await recordOutcome(deps, queueName, job, outcome);
  return null;
}

/** Returns the delay before BullMQ retries a job: the upstream's `Retry-After`, or 2 s and 4 s. */
export function retryDelayMs(attemptsMade: number, error: unknown): number {
  return (isCacheError(error) ? error.retryAfterMs : undefined) ?? 1000 * 2 ** attemptsMade;
}

function mayTryAgain(job: Job, error: unknown): boolean {
  const attemptsLeft = (job.opts.attempts ?? 1) - job.attemptsMade - 1;
  return attemptsLeft > 0 && isCacheError(error) && error.retryable && retryDelayMs(0, error) <= maxRetryDelayMs;
}

/** Returns a job to the head of the queue. Its deduplication key stays taken. */
async function returnToQueue(job: Job, token: string): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/**
 * Returns a job to the head of the queue for another worker. Its deduplication key stays taken. BullMQ takes the next
 * job as soon as one is done, so an immediate return would give the job to this worker again. The job is returned a
 * moment later, when other idle workers wait ahead of this one.
 */
function leaveToOtherWorkers({ log, track }: PerformDeps, job: Job, token: string): never {
  const requeue = async (): Promise<void> => {
    await setTimeout(requeueAfterMs);
    await job.moveToWait(token);
  };
  // If Redis is unreachable, the job is lost, as if its worker had been killed.
  track(requeue().catch((error: unknown) => log.warn({ err: error, job: job.name }, 'failed to requeue job')));
  throw new WaitingError();
}

/** Delays a job of another release until a worker of that release takes it. After 30 delays the job fails. */
async function refuse(deps: PerformDeps, queueName: JobQueueName, job: Job, token: string): Promise<never> {
  if (job.attemptsStarted <= maxUnknownJobDelays) {
    await job.moveToDelayed(Date.now() + unknownJobDelayMs, token);
    throw new DelayedError();
  }
  const message = `No worker of this release can do the "${job.name}" job. Update the workers before the frontends.`;
  await recordOutcome(deps, queueName, job, encodeError(overloaded(message)));
  throw new UnrecoverableError(message);
}

async function recordOutcome(
  { client }: PerformDeps,
  queueName: JobQueueName,
  job: Job,
  outcome: string,
): Promise<void> {
  await client.set(outcomeKey(queueName, job.id!), outcome, 'PX', outcomeTtlMs);
}
