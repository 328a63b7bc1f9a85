// Four lanes, one for each group and class of jobs. Each has slots of its own and a bounded line in front of them, so
// that nobody waits for a job of another kind.
import type { JobName } from '../catalogue.ts';
import { type JobGroup, jobGroup } from '../job-group.ts';
import type { JobClass } from '../job-queue.ts';
import type { InlineJob } from './inline-job.ts';

export interface Lane {
  readonly slots: number;
  /** First in, first out: a Set keeps that order and lets a job leave from the middle. */
  readonly waiting: Set<InlineJob>;
  /** With the end of each, which never rejects. */
  readonly running: Map<InlineJob, Promise<void>>;
  /** Those that run and take no slot any more. */
  readonly aside: Set<InlineJob>;
}

export interface Lanes {
  readonly all: readonly Lane[];
  of(name: JobName, jobClass: JobClass): Lane;
}

export function createLanes(slots: Readonly<Record<JobClass, number>>): Lanes {
  function createPair(): Record<JobClass, Lane> {
    return { interactive: createLane(slots.interactive), background: createLane(slots.background) };
  }
  const lanes: Record<JobGroup, Record<JobClass, Lane>> = { blob: createPair(), short: createPair() };
  return {
    all: Object.values(lanes).flatMap((pair) => Object.values(pair)),
    of: (name, jobClass) => lanes[jobGroup(name)][jobClass],
  };
}

function createLane(slots: number): Lane {
  return { slots, waiting: new Set(), running: new Map(), aside: new Set() };
}
