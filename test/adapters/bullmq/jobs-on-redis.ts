// Queues and workers for the tests, closed after each, and sample jobs.
import type { TestContext } from 'node:test';
import type { JobHandlers, JobOptions, JobPayload, JobQueue, JobWorkers } from '@cistern/jobs';
import { type BullmqQueueOptions, openBullmqQueue, openBullmqWorkers } from '@cistern/jobs/bullmq';
import type { RedisConnection } from '@cistern/redis';
import { parseRepositoryName, parseTag } from '@cistern/oci';
import { commandTimeoutMs, type Redis } from '@cistern/test-services';

export interface Place {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
}

export function placeIn({ host, port }: Redis, keyPrefix: string): Place {
  return { connection: { kind: 'standalone', host, port }, keyPrefix };
}

export const slots = { interactive: 3, background: 2 };

/** What the queue logs is kept in `logged`. */
export function keepLog(logged: string[] = []) {
  const add = (_fields: object, message: string) => void logged.push(message);
  return { info: add, warn: add, error: add, logged };
}

type Log = ReturnType<typeof keepLog>;

export async function openQueue(
  t: TestContext,
  place: Place,
  options: Partial<Pick<BullmqQueueOptions, 'maxWaiting' | 'commandTimeoutMs'>> & { readonly log?: Log } = {},
): Promise<JobQueue> {
  const defaults = { maxWaiting: 1000, commandTimeoutMs: commandTimeoutMs.patient, log: keepLog() };
  const opened = await openBullmqQueue({ ...place, ...defaults, ...options });
  t.after(async () => opened.close());
  return opened.queue;
}

/** Workers whose other handlers fail. */
export async function openWorkers(
  t: TestContext,
  place: Place,
  handlers: Partial<JobHandlers>,
  log = keepLog(),
): Promise<JobWorkers> {
  const workers = await openBullmqWorkers({ ...place, handlers: completeHandlers(handlers), slots, log });
  t.after(async () => workers.close(0));
  return workers;
}

async function unexpected(): Promise<never> {
  throw new Error('this test expects no such job');
}

export function completeHandlers(handlers: Partial<JobHandlers>): JobHandlers {
  return {
    'fetch-blob': unexpected,
    'fetch-manifest': unexpected,
    'stat-blob': unexpected,
    'revalidate-tag': unexpected,
    'fetch-tags': unexpected,
    'fetch-referrers': unexpected,
    'find-worker': unexpected,
    'sweep-uploads': unexpected,
    'fetch-issuer-keys': unexpected,
    'plan-prewarm': unexpected,
    'prewarm-tag': unexpected,
    'prewarm-blobs': unexpected,
    ...handlers,
  };
}

export function tagJob(tag: string): JobPayload<'revalidate-tag'> {
  return { upstream: 'docker.io', repository: parseRepositoryName('library/nginx'), tag: parseTag(tag), by: 'head' };
}

/** Options of an interactive job for `add` and `run`. */
export function asking(dedupKey: string, timeoutMs = 60_000): JobOptions & { readonly timeoutMs: number } {
  return { dedupKey, class: 'interactive', timeoutMs };
}
