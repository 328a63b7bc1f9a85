// Opens queues and workers that are closed after each test, and creates sample jobs.
import type { TestContext } from 'node:test';
import type { JobHandlers, JobOptions, JobQueue, JobSlots, JobWorkers, WorkerIdentity } from '@cistern/jobs';
import { type BullmqQueueOptions, openBullmqQueue, openBullmqWorkers } from '@cistern/jobs/bullmq';
import { completeHandlers } from '@cistern/jobs/conformance';
import type { RedisConnection } from '@cistern/redis';
import { commandTimeoutMs, type Redis } from '@cistern/test-servers';

export interface Place {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
}

export function placeIn({ host, port }: Redis, keyPrefix: string): Place {
  return { connection: { kind: 'standalone', host, port }, keyPrefix };
}

export const slots = { interactive: 3, background: 2 };
export const jobSlots: JobSlots = { blob: slots, short: slots };

/** Keeps the queue's log messages in `logged`. */
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

/** Opens workers. A job without a handler in `handlers` fails. */
export async function openWorkers(
  t: TestContext,
  place: Place,
  handlers: Partial<JobHandlers>,
  { log = keepLog(), place: workerPlace }: { readonly log?: Log; readonly place?: WorkerIdentity | undefined } = {},
): Promise<JobWorkers> {
  const options = { handlers: completeHandlers(handlers), slots: jobSlots, log, place: workerPlace };
  const workers = await openBullmqWorkers({ ...place, ...options });
  t.after(async () => workers.close(0));
  return workers;
}

/** Returns the options of an interactive job for `add` and `run`. */
export function interactive(dedupKey: string, timeoutMs = 60_000): JobOptions & { readonly timeoutMs: number } {
  return { dedupKey, class: 'interactive', timeoutMs };
}
