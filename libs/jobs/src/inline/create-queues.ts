// Four lanes, one for each group and class of jobs. Each has slots of its own and a bounded line in front of them, so
// that nobody waits for a job of another kind.
import type { JobName } from '../catalogue.ts';
import { type JobGroup, jobGroup } from '../job-group.ts';
import type { FailedJob, JobClass } from '../job-queue.ts';
import type { InlineJob } from './inline-job.ts';

export interface Queue {
  /** As in a shared queue: `interactive-blob`, for example. */
  readonly name: string;
  readonly slots: number;
  /** First in, first out: a Set keeps that order and lets a job leave from the middle. */
  readonly waiting: Set<InlineJob>;
  /** With the end of each, which never rejects. */
  readonly running: Map<InlineJob, Promise<void>>;
  /** Those that run and take no slot any more. */
  readonly aside: Set<InlineJob>;
  /** The last ones, the latest first. */
  readonly failures: FailedJob[];
}

export interface Queues {
  readonly all: readonly Queue[];
  of(name: JobName, jobClass: JobClass): Queue;
}

export function createQueues(slots: Readonly<Record<JobClass, number>>): Queues {
  const createPair = (group: JobGroup): Record<JobClass, Queue> => ({
    interactive: createOneQueue(`interactive-${group}`, slots.interactive),
    background: createOneQueue(`background-${group}`, slots.background),
  });
  const lanes: Record<JobGroup, Record<JobClass, Queue>> = { blob: createPair('blob'), short: createPair('short') };
  return {
    all: Object.values(lanes).flatMap((pair) => Object.values(pair)),
    of: (name, jobClass) => lanes[jobGroup(name)][jobClass],
  };
}

function createOneQueue(name: string, slots: number): Queue {
  return { name, slots, failures: [], waiting: new Set(), running: new Map(), aside: new Set() };
}
