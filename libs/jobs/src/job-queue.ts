// The job queue: frontends add jobs and workers do them. A call with the name, class and `dedupKey` of a waiting or
// running job joins that job, and its own payload is ignored. An adapter may also join jobs of different classes. Jobs
// that fetch blobs may take minutes, so they have their own job slots in each class. The jobs of one queue start in the
// order in which they were added.
import type { JobMetrics } from '@cistern/telemetry';
import type { JobName, JobPayload, JobResult } from './catalogue.ts';
import { isAnswer } from './job-errors.ts';

export type JobClass = 'interactive' | 'background';

export interface JobOptions {
  readonly dedupKey: string;
  /**
   * Interactive and background jobs have separate job slots, so neither class waits for the other. An interactive call
   * does not wait until the same job starts in the background.
   */
  readonly class: JobClass;
  /**
   * The trace that contains the job (W3C Trace Context), for its handler. If several calls join one job, the trace of
   * the first call counts.
   */
  readonly traceparent?: string | undefined;
  /**
   * The ids of workers that failed to do the job with a local error. For two seconds the job is left to other workers.
   */
  readonly triedBy?: readonly string[] | undefined;
}

export interface RunOptions extends JobOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * `waiting` means that only a waiting job is joined. A running job may have read its data too early, so the job runs
   * once more afterwards. By default waiting and running jobs are joined.
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
  /** The number of jobs that start, or are retried, at a later time. */
  readonly delayed: number;
  /** The number of failed jobs that are still recorded. */
  readonly failed: number;
  /** The failures of the last hour, the latest first, at most a hundred. */
  readonly failures: readonly FailedJob[];
  /** When the oldest waiting job was added. `undefined` means that no job waits. */
  readonly oldestAddedAtMs: number | undefined;
}

/** How many failures a queue remembers, and for how long. */
export const [failuresShown, failuresKeptMs] = [100, 3_600_000];

export interface JobQueue {
  /**
   * Resolves when the job is added or joined, not when it is done. Rejects with `overloaded` if the queue does not
   * accept the job. Rejects with `index-unavailable` if Redis does not answer, so that it is unknown whether the job
   * was added.
   */
  add<N extends JobName>(name: N, payload: JobPayload<N>, options: JobOptions): Promise<void>;
  /**
   * Adds a job and waits for its result. Rejects with the CacheError of the handler. Any other error of the handler
   * becomes a plain Error, which the worker has logged. When `signal` fires, the call rejects with its reason, but the
   * job continues. After `timeoutMs` the call rejects with `overloaded`.
   */
  run<N extends JobName>(name: N, payload: JobPayload<N>, options: RunOptions): Promise<JobResult<N>>;
}

/** The context of a job, which its handler receives in addition to the payload. */
export interface JobContext {
  readonly class: JobClass;
  /** The `traceparent` of the `JobOptions`. */
  readonly traceparent?: string | undefined;
  /** Aborted when the worker closes and the grace period is over. */
  readonly signal: AbortSignal;
  /**
   * For a handler whose work continues after its job has ended and then fails. Returns the `triedBy` with which the
   * handler adds the job again, so that another worker does it. `undefined` means that no other worker would do it. A
   * job that has not ended is handed over automatically. Unset if there are no other workers.
   */
  readonly handsOver?: (error: unknown) => Promise<readonly string[] | undefined>;
}

/**
 * Handles a job. If it rejects with an error whose `isLocal` is true, another worker does the job, if there is one. A
 * job is handed over at most twice. If a worker is lost or seems to be lost, another worker calls its handler for the
 * same job, perhaps at the same time. A background job that fails with a `retryable` error is retried a few times.
 */
export type JobHandler<N extends JobName> = (payload: JobPayload<N>, context: JobContext) => Promise<JobResult<N>>;
export type JobHandlers = { readonly [N in JobName]: JobHandler<N> };

export interface JobWorkers {
  /**
   * Stops taking new jobs. Resolves when the running jobs have ended. After `graceMs` they are aborted and have one
   * more second to end. Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

/** Jobs of a group share job slots. Jobs that fetch blobs may take minutes, and all other jobs are short. */
export type JobGroup = 'blob' | 'short';

/** How many jobs of each queue run at the same time in one process. */
export type JobSlots = Readonly<Record<JobGroup, Readonly<Record<JobClass, number>>>>;

export function jobGroup(name: JobName): JobGroup {
  return name === 'fetch-blob' || name === 'prewarm-blobs' ? 'blob' : 'short';
}

/** Returns the handlers, each wrapped by `wrap`. */
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

/** Returns handlers that measure their duration and result. An answer to a client counts as `done`. */
export function measureJobHandlers(handlers: JobHandlers, { jobDuration, jobsRunning }: JobMetrics): JobHandlers {
  return wrapHandlers(handlers, (handle, name) => async (payload, context) => {
    const labels = { name, class: context.class };
    const stop = jobDuration.startTimer(labels);
    jobsRunning.inc({ class: context.class });
    let result = 'failed';
    try {
      const ended = await handle(payload, context);
      result = 'done';
      return ended;
    } catch (error) {
      if (isAnswer(name, error)) result = 'done';
      throw error;
    } finally {
      stop({ result });
      jobsRunning.dec({ class: context.class });
    }
  });
}
