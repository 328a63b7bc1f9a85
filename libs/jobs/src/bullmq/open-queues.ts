// BullMQ's asking ends of the four queues, all on one client.
import { Queue } from 'bullmq';
import type { JobQueueName, JobQueueNames } from './job-queue-name.ts';
import type { RedisClient } from './redis-clients.ts';

export interface OpenedQueues {
  of(lane: JobQueueName): Queue;
  close(): Promise<void>;
}

/** Failed jobs stay for a while, to see what went wrong; there is nothing to see in the others. */
const keepFailed = { age: 3600, count: 100 };

export function openQueues(client: RedisClient, lanes: JobQueueNames, onError: (error: unknown) => void): OpenedQueues {
  const queues = new Map<JobQueueName, Queue>();
  for (const lane of lanes.all) {
    const queue = new Queue(lane.name, {
      connection: client,
      prefix: lane.prefix,
      // The client refuses by itself what it cannot do now; the version is checked where the index is opened.
      skipWaitingForReady: true,
      skipVersionCheck: true,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: keepFailed, stackTraceLimit: 1 },
    });
    queue.on('error', onError);
    queues.set(lane, queue);
  }
  return {
    of: (lane) => queues.get(lane)!,
    async close() {
      await Promise.all([...queues.values()].map(async (queue) => queue.close()));
    },
  };
}

/** An asker of an interactive job tries again by itself, and knows better when. */
export function attemptsIn(lane: JobQueueName): { attempts: number; backoff: { type: 'custom' } } | undefined {
  return lane.class === 'background' ? { attempts: 3, backoff: { type: 'custom' } } : undefined;
}
