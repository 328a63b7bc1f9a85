// The four queues in Redis: interactive and background, blobs and others, apart from one another. A queue's keys share a
// hash tag of its own, so that a Redis Cluster spreads the queues and every script stays inside one slot.
import type { JobName } from '../catalogue.ts';
import { jobGroup } from '../job-group.ts';
import type { JobClass } from '../job-queue.ts';

export interface JobQueueName {
  /** BullMQ's name of the queue. */
  readonly name: string;
  readonly class: JobClass;
  /** BullMQ's prefix of all keys of the queue. */
  readonly prefix: string;
  /** The key of this kind, or of the job with this id, as BullMQ builds it. */
  key(suffix: string): string;
}

export interface JobQueueNames {
  readonly all: readonly JobQueueName[];
  of(name: JobName, jobClass: JobClass): JobQueueName;
  /** Where workers say which job has ended: the message is its id. */
  readonly channel: string;
}

/** `keyPrefix` sets this cache's keys apart from others in the same Redis. */
export function createQueueNames(keyPrefix: string): JobQueueNames {
  const lanes = new Map<string, JobQueueName>();
  for (const jobClass of ['interactive', 'background'] as const)
    for (const group of ['blob', 'short'] as const) {
      const name = `${jobClass}-${group}`;
      const prefix = `${keyPrefix}{jobs-${name}}`;
      lanes.set(name, { name, class: jobClass, prefix, key: (suffix) => `${prefix}:${name}:${suffix}` });
    }
  return {
    all: [...lanes.values()],
    of: (name, jobClass) => lanes.get(`${jobClass}-${jobGroup(name)}`)!,
    channel: `${keyPrefix}jobs-ended`,
  };
}

/** What makes two jobs of a lane one job. */
export function deduplicationId(name: JobName, dedupKey: string): string {
  return `${name} ${dedupKey}`;
}
