// The part of the job queue that callers use. It adds jobs and waits for their outcomes. No caller waits for an
// unavailable Redis.
import { randomUUID } from 'node:crypto';
import type { RedisConnection } from '@cistern/redis';
import { createRedisClient, subscriberConnectors } from '@cistern/redis/client';
import { untilAborted } from '@cistern/runtime';
import type { JobName, JobPayload } from '../catalogue.ts';
import { overloaded, shuttingDown, timedOut } from '../job-errors.ts';
import type { JobQueue, QueueState, RunOptions } from '../job-queue.ts';
import { createOutcomes, subscribeToEndedJobs } from './await-outcomes.ts';
import { createProbe, createQueueNames, readOutcome } from './job-layout.ts';
import { type BullmqLog, logQueueErrors } from './log-queue-errors.ts';
import { openQueues } from './open-queues.ts';
import { untilReady } from './redis-clients.ts';

export interface BullmqQueueOptions {
  readonly connection: RedisConnection;
  /** The prefix of every key and channel. It is the same for queue and workers. */
  readonly keyPrefix: string;
  /**
   * The maximum number of waiting jobs in each queue. Further jobs are rejected with `overloaded`. The waiting jobs are
   * counted at most twice a second, so the number may be exceeded for a moment.
   */
  readonly maxWaiting: number;
  /** How long Redis may take to add or probe a job. */
  readonly commandTimeoutMs: number;
  readonly log: BullmqLog;
}

export interface BullmqQueue {
  readonly queue: JobQueue;
  /** Returns the state of the queues. Rejects with `index-unavailable`. */
  inspect(): Promise<readonly QueueState[]>;
  /** Rejects all waiting calls with `overloaded`. The jobs continue. Idempotent. */
  close(): Promise<void>;
}

/**
 * How often a lost job is added again. The number is limited, because a job that kills its worker must not kill all
 * workers.
 */
const maxLost = 2;

/**
 * Opens the queue. Resolves even if Redis is unavailable, at the latest after two seconds or four times
 * `commandTimeoutMs`, whichever is longer. While Redis is unavailable, `add` and `run` reject with `index-unavailable`.
 * If Redis hangs, they reject within twice `commandTimeoutMs`. A `run` that already waits for its outcome survives an
 * outage.
 */
export async function openBullmqQueue(options: BullmqQueueOptions): Promise<BullmqQueue> {
  const { connection, keyPrefix, maxWaiting, commandTimeoutMs, log } = options;
  const queueNames = createQueueNames(keyPrefix);
  const client = createRedisClient(connection, { commandTimeoutMs });
  const errors = logQueueErrors(client, log);
  await untilReady(client, Math.max(2000, 4 * commandTimeoutMs));

  const callerId = randomUUID();
  const probe = createProbe(client, callerId);
  const outcomes = createOutcomes(probe);
  const queues = openQueues({ client, queueNames, probe, maxWaiting, commandTimeoutMs, onError: errors.note });
  const closing = new AbortController();
  client.on('ready', outcomes.probeAll);
  const subscription = subscribeToEndedJobs({
    connectors: subscriberConnectors(connection, { client, commandTimeoutMs }),
    channel: queueNames.channelOf(callerId),
    onJob: outcomes.probeNow,
    onSubscribed: outcomes.probeAll,
    onError: errors.note,
  });

  const add: typeof queues.add = async (...job) => {
    closing.signal.throwIfAborted();
    return queues.add(...job);
  };

  async function outcomeOf(signal: AbortSignal, ...job: Parameters<JobQueue['run']>): Promise<string> {
    if (job[2].joins === 'waiting') {
      const first = await add(...job);
      const outcome = await outcomes.outcomeOf(first, signal);
      // A job that had begun before this call may have read its data too early. The job is then added again below, so
      // that it begins after this call.
      if (!first.hasBegun && outcome !== undefined) return outcome;
    }
    for (let lost = 0; lost <= maxLost; lost += 1) {
      const outcome = await outcomes.outcomeOf(await add(...job), signal);
      if (outcome !== undefined) return outcome;
    }
    throw overloaded(`The workers of this "${job[0]}" job were lost before it ended. Try again later.`);
  }

  const queue: JobQueue = {
    async add(name, payload, jobOptions) {
      await add(name, payload, jobOptions);
    },
    async run<N extends JobName>(name: N, payload: JobPayload<N>, runOptions: RunOptions) {
      const { timeoutMs, signal } = runOptions;
      const signals = signal === undefined ? [closing.signal] : [signal, closing.signal];
      const onTimeout = () => timedOut(name, timeoutMs);
      const outcome = withDeadline(timeoutMs, onTimeout, signals, (end) => outcomeOf(end, name, payload, runOptions));
      return readOutcome<N>(await outcome);
    },
  };

  let closed: Promise<void> | undefined;
  return {
    queue,
    inspect: queues.inspect,
    close() {
      closed ??= (async () => {
        closing.abort(shuttingDown());
        await queues.close();
        await subscription.close();
        errors.close();
        client.disconnect();
      })();
      return closed;
    },
  };
}

/**
 * Runs `body` with a deadline. Each of `signals` ends the wait with its own reason, and the timeout with the error of
 * `onTimeout`. `body` receives a signal that combines them, and may end later. Afterwards no timer or listener is left.
 */
async function withDeadline<T>(
  timeoutMs: number,
  onTimeout: () => Error,
  signals: readonly AbortSignal[],
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (const signal of signals) signal.throwIfAborted();
  const end = new AbortController();
  const onAbort = ({ target }: Event): void => end.abort((target as AbortSignal).reason);
  const timer = setTimeout(() => end.abort(onTimeout()), timeoutMs);
  for (const signal of signals) signal.addEventListener('abort', onAbort);
  try {
    return await untilAborted(body(end.signal), end.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
