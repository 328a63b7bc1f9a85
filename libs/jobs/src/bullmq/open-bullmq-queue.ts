// The callers' side of the queue: adds jobs and waits for them, and lets no caller wait for Redis.
import { randomUUID } from 'node:crypto';
import type { RedisConnection } from '@cistern/redis';
import { createRedisClient, subscriberConnectors } from '@cistern/redis/client';
import { untilAborted } from '@cistern/runtime';
import type { JobName, JobPayload } from '../catalogue.ts';
import { overloaded, shuttingDown, tooLate } from '../job-errors.ts';
import type { JobQueue, QueueState, RunOptions } from '../job-queue.ts';
import { createOutcomes, hearEndedJobs } from './await-outcomes.ts';
import { createProbe, createQueueNames, readOutcome } from './job-layout.ts';
import { type BullmqLog, logOutages } from './log-outages.ts';
import { openQueues } from './open-queues.ts';
import { untilReady } from './redis-clients.ts';

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
  look(): Promise<readonly QueueState[]>;
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
  const queueNames = createQueueNames(keyPrefix);
  const client = createRedisClient(connection, { commandTimeoutMs });
  const outages = logOutages(client, log);
  await untilReady(client, Math.max(2000, 4 * commandTimeoutMs));

  const asker = randomUUID();
  const probe = createProbe(client, asker);
  const outcomes = createOutcomes(probe);
  const queues = openQueues({ client, queueNames, probe, maxWaiting, commandTimeoutMs, onError: outages.note });
  const closing = new AbortController();
  client.on('ready', outcomes.lookAtAll);
  const ear = hearEndedJobs({
    connectors: subscriberConnectors(connection, { client, commandTimeoutMs }),
    channel: queueNames.channelOf(asker),
    onJob: outcomes.look,
    onHearing: outcomes.lookAtAll,
    onError: outages.note,
  });

  const add: typeof queues.add = async (...job) => {
    closing.signal.throwIfAborted();
    return queues.add(...job);
  };

  async function outcomeOf(signal: AbortSignal, ...job: Parameters<JobQueue['run']>): Promise<string> {
    if (job[2].joins === 'waiting') {
      const first = await add(...job);
      const outcome = await outcomes.outcomeOf(first, signal);
      // A job that is added after that end began after the caller asked.
      if (!first.hasBegun && outcome !== undefined) return outcome;
    }
    for (let lost = 0; lost <= maxLost; lost += 1) {
      const outcome = await outcomes.outcomeOf(await add(...job), signal);
      if (outcome !== undefined) return outcome;
    }
    throw overloaded(`The workers that did this "${job[0]}" job were lost before its end. Try again later.`);
  }

  const queue: JobQueue = {
    async add(name, payload, jobOptions) {
      await add(name, payload, jobOptions);
    },
    async run<N extends JobName>(name: N, payload: JobPayload<N>, runOptions: RunOptions) {
      const { timeoutMs, signal } = runOptions;
      const signals = signal === undefined ? [closing.signal] : [signal, closing.signal];
      const late = () => tooLate(name, timeoutMs);
      const outcome = withDeadline(timeoutMs, late, signals, (end) => outcomeOf(end, name, payload, runOptions));
      return readOutcome<N>(await outcome);
    },
  };

  let closed: Promise<void> | undefined;
  return {
    queue,
    look: queues.inspect,
    close() {
      closed ??= (async () => {
        closing.abort(shuttingDown());
        await queues.close();
        await ear.close();
        client.disconnect();
      })();
      return closed;
    },
  };
}

/**
 * Each of `signals` ends the wait with its own reason, and the timeout with `late`. `body` gets a signal of all of them, and may
 * take its time to end. Leaves neither timer nor listener behind.
 */
async function withDeadline<T>(
  timeoutMs: number,
  late: () => Error,
  signals: readonly AbortSignal[],
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (const signal of signals) signal.throwIfAborted();
  const end = new AbortController();
  const onAbort = ({ target }: Event): void => end.abort((target as AbortSignal).reason);
  const timer = setTimeout(() => end.abort(late()), timeoutMs);
  for (const signal of signals) signal.addEventListener('abort', onAbort);
  try {
    return await untilAborted(body(end.signal), end.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
