// The four inline queues, one for each group and class of jobs. Each queue has its own job slots and its own limit of
// waiting jobs. So no job waits for a job of another queue.
import { endsWithin } from '@cistern/runtime';
import type { JobName, JobPayload, JobResult } from '../catalogue.ts';
import { isAnswer, shuttingDown } from '../job-errors.ts';
import {
  type FailedJob,
  failuresKeptMs,
  failuresShown,
  type JobClass,
  type JobGroup,
  jobGroup,
  type JobSlots,
  type QueueState,
} from '../job-queue.ts';

export interface Queue {
  /** The name, as in the queues in Redis, for example `interactive-blob`. */
  readonly name: string;
  readonly slots: number;
  /** The waiting jobs, first in, first out. A Set keeps that order and allows removal from the middle. */
  readonly waiting: Set<InlineJob>;
  /** The running jobs. Each has a promise that resolves when the job ends, and never rejects. */
  readonly running: Map<InlineJob, Promise<void>>;
  /** The last failures, the latest first. */
  readonly failures: FailedJob[];
}

export interface Waiter {
  resolve(result: JobResult<JobName>): void;
  reject(error: unknown): void;
}

/** One job of an inline queue, from the call that adds it to its end. */
export interface InlineJob {
  /** Name and deduplication key. Calls with the same key share one job. */
  readonly key: string;
  readonly name: JobName;
  readonly payload: JobPayload<JobName>;
  readonly traceparent: string | undefined;
  /** Milliseconds since the epoch. */
  readonly addedAtMs: number;
  /** The class changes only from background to interactive, and only while the job waits. */
  class: JobClass;
  readonly waiters: Set<Waiter>;
  readonly abort: AbortController;
}

const endAfterAbortMs = 1000;

export function createQueues(slots: JobSlots) {
  const createPair = (group: JobGroup): Record<JobClass, Queue> => ({
    interactive: createOneQueue(`interactive-${group}`, slots[group].interactive),
    background: createOneQueue(`background-${group}`, slots[group].background),
  });
  const queues: Record<JobGroup, Record<JobClass, Queue>> = { blob: createPair('blob'), short: createPair('short') };
  return {
    all: Object.values(queues).flatMap((pair) => Object.values(pair)),
    of: (name: JobName, jobClass: JobClass): Queue => queues[jobGroup(name)][jobClass],
  };
}

function createOneQueue(name: string, slots: number): Queue {
  return { name, slots, failures: [], waiting: new Set(), running: new Map() };
}

/** Settles every waiter. Without a waiter the result is lost. */
export function settleJob(job: InlineJob, settle: (waiter: Waiter) => void): void {
  const waiters = [...job.waiters];
  job.waiters.clear();
  for (const waiter of waiters) settle(waiter);
}

export function inspectQueues(queues: readonly Queue[], nowMs: number): readonly QueueState[] {
  return queues.map(({ name, waiting, running, failures: kept }) => {
    const failures = kept.filter(({ atMs }) => atMs > nowMs - failuresKeptMs);
    const addedAtMs = [...waiting].map((job) => job.addedAtMs);
    return {
      name,
      waiting: waiting.size,
      active: running.size,
      delayed: 0,
      failed: failures.length,
      failures,
      oldestAddedAtMs: addedAtMs.length === 0 ? undefined : Math.min(...addedAtMs),
    };
  });
}

/** An answer to a client is no failure. */
export function recordFailure(
  { failures }: Queue,
  { name }: Pick<InlineJob, 'name'>,
  error: unknown,
  atMs: number,
): void {
  if (isAnswer(name, error)) return;
  failures.unshift({ name, reason: error instanceof Error ? error.message : String(error), atMs });
  failures.splice(failuresShown);
}

/**
 * Ends the inline workers: rejects waiting jobs, lets running jobs end, and aborts those that do not end in time.
 * Resolves as `JobWorkers.close` does. The caller must not add further jobs.
 */
export async function closeQueues(queues: readonly Queue[], graceMs: number): Promise<void> {
  const stopped = shuttingDown();
  for (const queue of queues) {
    for (const job of queue.waiting) settleJob(job, (waiter) => waiter.reject(stopped));
    queue.waiting.clear();
  }
  if (await endWithin(queues, graceMs)) return;
  const late = queues.flatMap((queue) => [...queue.running.keys()]);
  for (const job of late) job.abort.abort(stopped);
  await endWithin(queues, endAfterAbortMs);
  // A handler that ignores its signal must not delay the end of the process or of its waiters.
  for (const job of late) settleJob(job, (waiter) => waiter.reject(stopped));
}

function endWithin(queues: readonly Queue[], ms: number): Promise<boolean> {
  const running = queues.flatMap((queue) => [...queue.running.values()]);
  return endsWithin(Promise.all(running), ms);
}
