// The job queue: frontends add jobs and workers do them. Waiting and running jobs with the same name, class and
// `dedupKey` are one job, with the first payload. An adapter may join the classes too. `fetch-blob` may take minutes
// and has its own slots in each class. Jobs of one kind start in the order in which they were added.
import type { JobMetrics } from '@cistern/telemetry';
import type { JobName, JobPayload, JobResult } from './catalogue.ts';

export type JobClass = 'interactive' | 'background';

export interface JobOptions {
  readonly dedupKey: string;
  /**
   * Interactive and background jobs have separate slots: neither waits for the other. An interactive call does not wait
   * behind the same job in the background.
   */
  readonly class: JobClass;
  /** The trace that contains the job (W3C Trace Context), for its handler. If calls join, the first one counts. */
  readonly traceparent?: string | undefined;
  /** The ids of workers that failed to do the job with a local error. Other workers have priority for two seconds. */
  readonly triedBy?: readonly string[] | undefined;
}

export interface RunOptions extends JobOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * `waiting` means that only a waiting job is joined. A running job may have read too early: the job runs once more
   * after it. By default both are joined.
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

/** The state of one of the four queues. */
export interface QueueState {
  /** The name, for example `interactive-blob`. */
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  /** The jobs that are retried, or start, at a certain time. */
  readonly delayed: number;
  /** The failed jobs that are still kept. */
  readonly failed: number;
  /** The last ten failures, the latest first. */
  readonly failures: readonly FailedJob[];
  /** When the oldest waiting job was added. `undefined` means that no job waits. */
  readonly oldestAddedAtMs: number | undefined;
}

export interface JobQueue {
  /**
   * Resolves once the job is added or joined, not when it is done. Rejects with `overloaded` if it is not accepted, and
   * with `index-unavailable` if that is unknown because the queue's server does not answer.
   */
  add<N extends JobName>(name: N, payload: JobPayload<N>, options: JobOptions): Promise<void>;
  /**
   * Adds a job and waits for its result. Rejects with the handler's CacheError, or with a plain Error if the handler
   * threw one (the worker has logged it). `signal` ends this wait, not the job, and rejects with its reason. After
   * `timeoutMs` it rejects with `overloaded`.
   */
  run<N extends JobName>(name: N, payload: JobPayload<N>, options: RunOptions): Promise<JobResult<N>>;
}

/** The context of a handler, besides its payload. */
export interface JobContext {
  readonly class: JobClass;
  /** The `traceparent` of the `JobOptions`. */
  readonly traceparent?: string | undefined;
  /** Aborted when the worker stops waiting and closes. */
  readonly signal: AbortSignal;
  /**
   * For a handler that continues after its job has ended. Returns `triedBy` for adding the job again after this
   * failure, so that another worker does it. `undefined` means that no other worker would. A job that has not ended is
   * handed over automatically. Unset if there are no other workers.
   */
  readonly handsOver?: (error: unknown) => Promise<readonly string[] | undefined>;
}

/**
 * Handles a job. If it rejects with an error that `isLocal`, another worker does the job, if there is one, twice at
 * most. It may be called again for one job, even at the same time, if its worker is lost or seems to be. A background
 * job that fails with a `retryable` error is retried a few times.
 */
export type JobHandler<N extends JobName> = (payload: JobPayload<N>, context: JobContext) => Promise<JobResult<N>>;
export type JobHandlers = { readonly [N in JobName]: JobHandler<N> };

export interface JobWorkers {
  /**
   * Takes no new jobs. Resolves when the running ones have ended. After `graceMs` they are aborted and have a second to
   * end. Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

/** Jobs of a group share slots: fetching a blob may take minutes, other jobs make a request or two. */
export type JobGroup = 'blob' | 'short';

/** How many jobs of each queue run at the same time in one process. */
export type JobSlots = Readonly<Record<JobGroup, Readonly<Record<JobClass, number>>>>;

export function jobGroup(name: JobName): JobGroup {
  return name === 'fetch-blob' || name === 'prewarm-blobs' ? 'blob' : 'short';
}

/** Returns handlers of the same names, each wrapped by `wrap`. */
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

/** Returns handlers whose duration and result are measured, for any queue. */
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
