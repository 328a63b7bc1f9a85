// Keeps a queue that nobody works off from growing for ever, without a question to Redis before every job.
import { CacheError } from '@cistern/errors';
import type { JobName } from '../catalogue.ts';
import type { JobQueueName } from './job-queue-name.ts';
import type { RedisClient } from './redis-clients.ts';

const countEveryMs = 500;

export interface BacklogGuard {
  /** Throws `overloaded` if too many jobs waited when they were last counted. */
  check(name: JobName): void;
}

export function createBacklogGuard(options: {
  readonly client: RedisClient;
  readonly lane: JobQueueName;
  readonly maxWaiting: number;
}): BacklogGuard {
  const { client, lane, maxWaiting } = options;
  let waiting = 0;
  let countedAtMs = 0;

  async function count(): Promise<void> {
    waiting = await client.llen(lane.key('wait'));
  }

  return {
    check(name) {
      if (Date.now() - countedAtMs > countEveryMs) {
        countedAtMs = Date.now();
        // What makes the count fail makes the job fail, with a better error.
        count().catch(() => {});
      }
      if (waiting < maxWaiting) return;
      const message = `The cache is busy: ${waiting} jobs wait before this "${name}". Try again later.`;
      throw new CacheError('overloaded', message, { retryable: true });
    },
  };
}
