// The asking side of the queue: adds jobs and waits for them, and lets nobody wait for Redis.
import { CacheError } from '@cistern/errors';
import type { JobName, JobPayload } from '../catalogue.ts';
import type { JobQueue, LaneFacts } from '../job-queue.ts';
import { createJobAdder } from './add-job.ts';
import { createOutcomes } from './await-outcomes.ts';
import { hearEndedJobs } from './hear-ended-jobs.ts';
import { createQueueNames } from './job-queue-name.ts';
import { readOutcome } from './job-outcome.ts';
import { type BullmqLog, logOutages } from './log-outages.ts';
import { inspectQueues } from './inspect-queues.ts';
import { openQueues } from './open-queues.ts';
import { createProbe } from './probe-job.ts';
import { openAskingClient, untilReady } from './redis-clients.ts';
import type { RedisConnection } from '@cistern/redis';
import { createJobScheduler } from './schedule-job.ts';

interface Deadline {
  readonly timeoutMs: number;
  /** Any of them ends the wait, with its own reason. */
  readonly signals: readonly AbortSignal[];
  /** The error of a wait whose time is up. */
  readonly tooLate: () => Error;
}

export interface BullmqQueueOptions {
  readonly connection: RedisConnection;
  /** Before every key and channel; the same for queue and workers. */
  readonly keyPrefix: string;
  /**
   * How many jobs of one class may wait, blobs and others apart; more are refused as `overloaded`. Counted twice a
   * second.
   */
  readonly maxWaiting: number;
  /** How long Redis may take to add a job or to look at one. */
  readonly commandTimeoutMs: number;
  readonly log: BullmqLog;
}

export interface BullmqQueue {
  readonly queue: JobQueue;
  /** Rejects with `index-unavailable`. */
  look(): Promise<readonly LaneFacts[]>;
  /** Ends all waits as `overloaded`; the jobs go on. Idempotent. */
  close(): Promise<void>;
}

/** A job that takes its worker down each time must not take all of them down. */
const maxLost = 2;

/**
 * Resolves, after two seconds or four times `commandTimeoutMs` at most, even if Redis is away: then `add` and `run` reject with
 * `index-unavailable` until it is there. They do so within twice `commandTimeoutMs` when Redis hangs. A wait that is under way
 * outlasts an outage.
 */
export async function openBullmqQueue(options: BullmqQueueOptions): Promise<BullmqQueue> {
  const { connection, keyPrefix, maxWaiting, commandTimeoutMs, log } = options;
  const lanes = createQueueNames(keyPrefix);
  const client = openAskingClient(connection, commandTimeoutMs);
  const outages = logOutages(client, log);
  await untilReady(client, Math.max(2000, 4 * commandTimeoutMs));

  const probe = createProbe(client);
  const outcomes = createOutcomes(probe);
  const queues = openQueues(client, lanes, outages.note);
  const addJob = createJobAdder({ client, lanes, queues, probe, maxWaiting, commandTimeoutMs });
  const scheduleJob = createJobScheduler({ client, lanes, queues, commandTimeoutMs });
  const closing = new AbortController();
  client.on('ready', outcomes.lookAtAll);
  const ear = hearEndedJobs({
    connection,
    client,
    channel: lanes.channel,
    onJob: outcomes.look,
    onHearing: outcomes.lookAtAll,
    onError: outages.note,
  });

  async function add(...job: Parameters<typeof addJob>): ReturnType<typeof addJob> {
    closing.signal.throwIfAborted();
    return addJob(...job);
  }

  async function outcomeOf(signal: AbortSignal, ...job: Parameters<typeof addJob>): Promise<string> {
    for (let lost = 0; lost <= maxLost; lost += 1) {
      const added = await add(...job);
      const outcome = await outcomes.outcomeOf(added, signal);
      if (outcome !== undefined) return outcome;
    }
    const message = `The workers that did this "${job[0]}" job were lost before its end. Try again later.`;
    throw new CacheError('overloaded', message, { retryable: true });
  }

  const queue: JobQueue = {
    async add(name, payload, jobOptions) {
      await add(name, payload, jobOptions);
    },
    async run<N extends JobName>(name: N, payload: JobPayload<N>, runOptions: Parameters<JobQueue['run']>[2]) {
      const { timeoutMs, signal } = runOptions;
      const message = `The cache is busy: a "${name}" job did not end within ${timeoutMs} ms. Try again.`;
      const tooLate = (): CacheError => new CacheError('overloaded', message, { retryable: true });
      const signals = signal === undefined ? [closing.signal] : [signal, closing.signal];
      return readOutcome<N>(
        await withDeadline({ timeoutMs, signals, tooLate }, async (end) => outcomeOf(end, name, payload, runOptions)),
      );
    },
    async schedule(name, payload, scheduleOptions) {
      closing.signal.throwIfAborted();
      await scheduleJob(name, payload, scheduleOptions);
    },
  };

  let closed: Promise<void> | undefined;
  return {
    queue,
    look: async () => inspectQueues(lanes, queues),
    close() {
      closed ??= (async () => {
        closing.abort(new CacheError('overloaded', 'The cache is shutting down; ask again.', { retryable: true }));
        await queues.close();
        ear.close();
        client.disconnect();
      })();
      return closed;
    },
  };
}

/** Leaves neither timer nor listener behind. The signal aborts `body`, which may take its time then. */
async function withDeadline<T>(deadline: Deadline, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, signals, tooLate } = deadline;
  for (const signal of signals) signal.throwIfAborted();
  const end = new AbortController();
  const ended = Promise.withResolvers<never>();
  const onAbort = ({ target }: Event): void => end.abort((target as AbortSignal).reason);
  const timer = setTimeout(() => end.abort(tooLate()), timeoutMs);
  end.signal.addEventListener('abort', () => ended.reject(end.signal.reason));
  for (const signal of signals) signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([ended.promise, body(end.signal)]);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
