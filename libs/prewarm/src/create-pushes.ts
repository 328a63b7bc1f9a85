// Adds prewarm jobs for tags that were pushed to an upstream, as webhooks report. For many pushes of one tag all nodes
// together add one job every two seconds. The last job always begins after the last push.
import type { TagKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import type { Logger } from '@cistern/telemetry';
import { prewarmTagKey } from './prewarm-tag.ts';

export type Pushes = ReturnType<typeof createPushes>;

export interface PushesOptions {
  readonly queue: JobQueue;
  readonly log: Logger;
  readonly now: () => number;
  /** Default: two seconds. */
  readonly delayMs?: number;
}

interface Waiting {
  readonly key: TagKey;
  lastAtMs: number;
  timer: NodeJS.Timeout;
  failures: number;
}

/**
 * All nodes together add one job for a tag in each time bucket, because the bucket is part of the deduplication key.
 */
const bucketMs = 1_000;
/** The tolerated difference between the clocks of nodes. */
const skewMs = 1_000;
const maxWaiting = 10_000;
const maxFailures = 30;

export function createPushes({ queue, log, now, delayMs = bucketMs + skewMs }: PushesOptions) {
  const waiting = new Map<string, Waiting>();

  function arm(name: string): NodeJS.Timeout {
    return setTimeout(() => void fire(name), delayMs);
  }

  /**
   * Adds a job. Another node may have added the same job at the start of the bucket, so a push after that start needs
   * another job.
   */
  async function fire(name: string): Promise<void> {
    const entry = waiting.get(name)!;
    const bucket = Math.floor(now() / bucketMs);
    try {
      await add(entry.key, bucket);
      if (entry.lastAtMs < bucket * bucketMs - skewMs) waiting.delete(name);
      else entry.timer = arm(name);
    } catch (error) {
      entry.failures += 1;
      if (entry.failures < maxFailures && isCacheError(error, 'index-unavailable', 'overloaded')) {
        entry.timer = arm(name);
        return;
      }
      waiting.delete(name);
      log.error({ err: error, ...entry.key }, 'failed to enqueue prewarm after webhook');
    }
  }

  async function add({ upstream, repository, tag }: TagKey, bucket: number): Promise<void> {
    const job = { upstream, repository, tag };
    const dedupKey = `${prewarmTagKey(job)} pushed ${bucket}`;
    await queue.add('prewarm-tag', job, { dedupKey, class: 'background' });
  }

  return {
    /** Notes a push of a tag. Throws `overloaded` if too many tags wait. */
    note(key: TagKey): void {
      const name = prewarmTagKey(key);
      const known = waiting.get(name);
      if (known !== undefined) {
        known.lastAtMs = now();
        return;
      }
      if (waiting.size >= maxWaiting)
        throw new CacheError(
          'overloaded',
          'Too many pushed tags wait to be prewarmed. Send the notification again later.',
          {
            retryable: true,
          },
        );
      waiting.set(name, { key, lastAtMs: now(), timer: arm(name), failures: 0 });
    },
    /** Adds all waiting jobs immediately. */
    async close(): Promise<void> {
      const entries = [...waiting.values()];
      waiting.clear();
      for (const { timer } of entries) clearTimeout(timer);
      const bucket = Math.floor(now() / bucketMs);
      await Promise.allSettled(entries.map(async ({ key }) => add(key, bucket)));
    },
  };
}
