// The job queue: frontends ask, workers do. Jobs of one name, class and `dedupKey` that wait or run are one job, with the
// payload it was first given; an adapter may join the classes too. `fetch-blob`, which may take minutes, has slots of
// its own in each class. Jobs of one kind start in the order they were added.
import type { JobMetrics } from '@cistern/telemetry';
import type { JobName, JobPayload, JobResult } from './catalogue.ts';

export type JobClass = 'interactive' | 'background';

export interface JobOptions {
  readonly dedupKey: string;
  /**
   * Interactive and background jobs have separate slots: neither waits for the other. An interactive ask for a job that
   * waits as background does not wait with it.
   */
  readonly class: JobClass;
  /** Of the trace that the job is a part of (W3C Trace Context), for its handler. Of joined asks the first one's. */
  readonly traceparent?: string | undefined;
  /** Ids of workers that could not do it, for reasons of their own: others go before them for two seconds. */
  readonly triedBy?: readonly string[] | undefined;
}

export interface RunOptions extends JobOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * `waiting`: a job of the key that runs already may have looked too early. It is not joined; the job runs once more after it.
   * Default: both are joined.
   */
  readonly joins?: 'waiting' | undefined;
}

export interface FailedJob {
  readonly name: string;
  /** The message of the error. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** How full one of the four queues is. */
export interface QueueState {
  /** `interactive-blob`, for example. */
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  /** That are tried again, or begun, at a certain time. */
  readonly delayed: number;
  /** Of those that are still kept. */
  readonly failed: number;
  /** The last ten of these, the latest first. */
  readonly failures: readonly FailedJob[];
  /** When the job that waits longest was added; `undefined`: none waits. */
  readonly oldestAddedAtMs: number | undefined;
}

export interface JobQueue {
  /**
   * Resolves once the job is taken on (or joined), not when it is done. Rejects with `overloaded` when it cannot be, and
   * with `index-unavailable` when nobody knows because the queue's server does not answer.
   */
  add<N extends JobName>(name: N, payload: JobPayload<N>, options: JobOptions): Promise<void>;
  /**
   * Adds and waits for the result. Rejects with the handler's CacheError, and with an error that is none if the handler
   * threw one (the worker's side has logged it). `signal` ends this wait, not the job, and rejects with its reason. Never
   * waits longer than `timeoutMs`: then `overloaded`.
   */
  run<N extends JobName>(name: N, payload: JobPayload<N>, options: RunOptions): Promise<JobResult<N>>;
}

/** What a handler gets besides its payload. */
export interface JobContext {
  readonly class: JobClass;
  /** As `JobOptions` had it. */
  readonly traceparent?: string | undefined;
  /** Aborted when the worker closes without waiting any longer. */
  readonly signal: AbortSignal;
  /**
   * For a handler that goes on after its job has ended: `triedBy` for adding the job again after this failure, so that another worker
   * does it. `undefined`: none would. A job that has not ended is handed on by itself. Unset where there are no other workers.
   */
  readonly handsOn?: (error: unknown) => Promise<readonly string[] | undefined>;
}

/**
 * Rejecting with an error that `isLocal` hands the job on to another worker, where there is one, twice at most. May be called again
 * for one job, even at the same time, if its worker is lost or seems to be; and a few times more if a
 * background job fails with an error that is `retryable`.
 */
export type JobHandler<N extends JobName> = (payload: JobPayload<N>, context: JobContext) => Promise<JobResult<N>>;
export type JobHandlers = { readonly [N in JobName]: JobHandler<N> };

export interface JobWorkers {
  /**
   * Takes no new jobs; resolves when the running ones have ended or, after `graceMs`, have been aborted and have had a
   * second to end. Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

/** Jobs of a group share slots: a blob may take minutes to fetch, everything else is a request or two. */
export type JobGroup = 'blob' | 'short';

/** How many jobs of each queue run at a time in one process. */
export type JobSlots = Readonly<Record<JobGroup, Readonly<Record<JobClass, number>>>>;

export function jobGroup(name: JobName): JobGroup {
  return name === 'fetch-blob' || name === 'prewarm-blobs' ? 'blob' : 'short';
}

/** Handlers of the same names, each of which is what `wrap` makes of the one before. */
export function wrapHandlers(
  handlers: JobHandlers,
  wrap: (handle: JobHandler<JobName>, name: JobName) => JobHandler<JobName>,
): JobHandlers {
  const wrapped = Object.entries(handlers).map(([name, handle]) => [
    name,
    wrap(handle as JobHandler<JobName>, name as JobName),
  ]);
  return Object.fromEntries(wrapped) as JobHandlers;
}

/** Handlers whose time and end are measured, whichever queue they work for. */
export function measureJobHandlers(handlers: JobHandlers, { jobDuration, jobsRunning }: JobMetrics): JobHandlers {
  return wrapHandlers(handlers, (handle, job) => async (payload, context) => {
    const labels = { job, class: context.class };
    const stop = jobDuration.startTimer(labels);
    jobsRunning.inc({ class: context.class });
    let result = 'failed';
    try {
      const ended = await handle(payload, context);
      result = 'done';
      return ended;
    } finally {
      stop({ result });
      jobsRunning.dec({ class: context.class });
    }
  });
}
