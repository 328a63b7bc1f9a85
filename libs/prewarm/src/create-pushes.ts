// What was pushed upstream, as somebody says. A flood about one tag becomes one job every two seconds, of all nodes together,
// and there is always one that begins after the last push.
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
  /** Default two seconds. */
  readonly delayMs?: number;
}

interface Waiting {
  readonly key: TagKey;
  lastAtMs: number;
  timer: NodeJS.Timeout;
  failures: number;
}

/** Jobs of one bucket of time are one job, whichever node adds them. */
const bucketMs = 1_000;
/** By which clocks of nodes may differ. */
const skewMs = 1_000;
const maxWaiting = 10_000;
const maxFailures = 30;

export function createPushes({ queue, log, now, delayMs = bucketMs + skewMs }: PushesOptions) {
  const waiting = new Map<string, Waiting>();

  function arm(name: string): NodeJS.Timeout {
    return setTimeout(() => void fire(name), delayMs);
  }

  /** The job may have begun as early as its bucket did, on another node: what was pushed since needs another one. */
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
      log.error({ err: error, ...entry.key }, 'what was pushed upstream cannot be looked for');
    }
  }

  async function add({ upstream, repository, tag }: TagKey, bucket: number): Promise<void> {
    const job = { upstream, repository, tag };
    const dedupKey = `${prewarmTagKey(job)} pushed ${bucket}`;
    await queue.add('prewarm-tag', job, { dedupKey, class: 'background' });
  }

  return {
    /** Throws `overloaded` when too many tags wait. */
    note(key: TagKey): void {
      const name = prewarmTagKey(key);
      const known = waiting.get(name);
      if (known !== undefined) {
        known.lastAtMs = now();
        return;
      }
      if (waiting.size >= maxWaiting)
        throw new CacheError('overloaded', 'Too many tags were pushed at once. Send it again later.', {
          retryable: true,
        });
      waiting.set(name, { key, lastAtMs: now(), timer: arm(name), failures: 0 });
    },
    /** Adds the jobs that wait, at once. */
    async close(): Promise<void> {
      const entries = [...waiting.values()];
      waiting.clear();
      for (const { timer } of entries) clearTimeout(timer);
      const bucket = Math.floor(now() / bucketMs);
      await Promise.allSettled(entries.map(async ({ key }) => add(key, bucket)));
    },
  };
}
