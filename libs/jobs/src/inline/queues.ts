// Four queues, one for each group and class of jobs. Each has slots of its own and a bounded line in front of them, so that no job
// waits for a job of another kind.
import { endsWithin } from '@cistern/runtime';
import type { JobName, JobPayload, JobResult } from '../catalogue.ts';
import { shuttingDown } from '../job-errors.ts';
import {
  type FailedJob,
  type JobClass,
  type JobGroup,
  jobGroup,
  type JobSlots,
  type QueueState,
} from '../job-queue.ts';

export interface Queue {
  /** As in a shared queue: `interactive-blob`, for example. */
  readonly name: string;
  readonly slots: number;
  /** First in, first out: a Set keeps that order and lets a job leave from the middle. */
  readonly waiting: Set<InlineJob>;
  /** With the end of each, which never rejects. */
  readonly running: Map<InlineJob, Promise<void>>;
  /** The last ones, the latest first. */
  readonly failures: FailedJob[];
}

export interface Waiter {
  resolve(result: JobResult<JobName>): void;
  reject(error: unknown): void;
}

/** One job of the inline queue, from the first call to its end. */
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

const endAfterAbortMs = 1000;
const failuresKept = 10;

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

/** Lets every waiter go; a job without any keeps its result to itself. */
export function settleJob(job: InlineJob, settle: (waiter: Waiter) => void): void {
  const waiters = [...job.waiters];
  job.waiters.clear();
  for (const waiter of waiters) settle(waiter);
}

export function inspectQueues(queues: readonly Queue[]): readonly QueueState[] {
  return queues.map(({ name, waiting, running, failures }) => {
    const addedAtMs = [...waiting].map((job) => job.addedAtMs);
    return {
      name,
      waiting: waiting.size,
      active: running.size,
      delayed: 0,
      failed: failures.length,
      failures: [...failures],
      oldestAddedAtMs: addedAtMs.length === 0 ? undefined : Math.min(...addedAtMs),
    };
  });
}

export function noteFailure({ failures }: Queue, { name }: InlineJob, error: unknown, atMs: number): void {
  failures.unshift({ name, reason: error instanceof Error ? error.message : String(error), atMs });
  failures.splice(failuresKept);
}

/**
 * Ends the inline workers: refuses jobs that wait, lets running jobs end, and aborts those that do not end in time. Resolves as
 * `JobWorkers.close` says. The caller lets nothing new into the queues.
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
  // A handler that does not heed its signal holds up neither the end of the process nor those who wait for it.
  for (const job of late) settleJob(job, (waiter) => waiter.reject(stopped));
}

function endWithin(queues: readonly Queue[], ms: number): Promise<boolean> {
  const running = queues.flatMap((queue) => [...queue.running.values()]);
  return endsWithin(Promise.all(running), ms);
}
