// One job of the inline queue, from the first ask to its end.
import type { JobName, JobPayload, JobResult } from '../catalogue.ts';
import type { JobClass } from '../job-queue.ts';

export interface Waiter {
  resolve(result: JobResult<JobName>): void;
  reject(error: unknown): void;
}

export interface InlineJob {
  /** Name and dedup key: jobs with the same one are one job. */
  readonly key: string;
  readonly name: JobName;
  readonly payload: JobPayload<JobName>;
  readonly traceparent: string | undefined;
  /** Milliseconds since the epoch. */
  readonly addedAtMs: number;
  /** Only ever raised, from background to interactive, and only while it waits. */
  class: JobClass;
  readonly waiters: Set<Waiter>;
  readonly abort: AbortController;
}

/** Lets every waiter go; a job without any keeps its result to itself. */
export function settleJob(job: InlineJob, settle: (waiter: Waiter) => void): void {
  const waiters = [...job.waiters];
  job.waiters.clear();
  for (const waiter of waiters) settle(waiter);
}
