// Sends all calls of the index to Redis. Every error is `index-unavailable`. Each call has a timeout, and calls that
// would time out or fail are not sent.
import { CacheError } from '@cistern/errors';
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { answersWithin } from '@cistern/redis';
import type { Outage } from '@cistern/telemetry';
import { createThrottledWarning, isTimeout, type RedisClient, toIndexError } from '@cistern/redis/client';
import type { IndexLog } from '../cache-index.ts';
import type { ScriptName } from './load-scripts.ts';

export type RedisCalls = ReturnType<typeof createRedisCalls>;

const justNowMs = 1000;

type ScriptCommands = Readonly<
  Record<ScriptName, (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>>
>;

/** Called after every call, with its duration in milliseconds. `isAnswered` is true if the call succeeded. */
export type OnRedisCall = (durationMs: number, isAnswered: boolean) => void;

export interface RedisCallsOptions {
  readonly client: RedisClient;
  readonly commandTimeoutMs: number;
  /** Throws until Redis has been found suitable. */
  readonly checkAdmitted: () => void;
  readonly onCall?: OnRedisCall | undefined;
  /** Begins when a call fails without a connection. */
  readonly outage: Pick<Outage, 'failed'>;
}

export function createRedisCalls(options: RedisCallsOptions) {
  const { client, commandTimeoutMs, checkAdmitted, outage, onCall = () => {} } = options;
  // Stops calls to a Redis that responds too late. More calls would slow Redis down further, and a request with several
  // calls would wait for the timeout of each. In a Redis Cluster one timeout is not enough to stop calls, because the
  // next call may go to another node. A Redis that does not respond at all is detected by the connection.
  const breaker = circuitBreaker(handleWhen(isTimeout), {
    halfOpenAfter: 500,
    breaker: new ConsecutiveBreaker(client.isCluster ? 5 : 1),
  });
  let lastFailure: { readonly error: unknown; readonly atMs: number } | undefined;
  let isClosed = false;

  function checkOpen(): void {
    if (isClosed) throw new CacheError('index-unavailable', 'The index is closed.');
    checkAdmitted();
  }

  async function command<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    checkOpen();
    const startedAt = performance.now();
    try {
      // Sends before the first await, so that Redis receives calls in the order in which they were made.
      const result = await breaker.execute(() => answersWithin(commandTimeoutMs, send(client)));
      lastFailure = undefined;
      onCall(performance.now() - startedAt, true);
      return result;
    } catch (error) {
      onCall(performance.now() - startedAt, false);
      const cause = error instanceof BrokenCircuitError ? new Error('Command timed out', { cause: error }) : error;
      lastFailure = { error: toIndexError(cause), atMs: performance.now() };
      // The outage is logged before the caller can log what follows from it.
      if (client.status !== 'ready') outage.failed(lastFailure.error);
      throw lastFailure.error;
    }
  }

  return {
    command,
    /** Runs a script. All of its keys must have the same hash tag. */
    run: async (script: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
      command((target) => (target as unknown as ScriptCommands)[script](keys.length, ...keys, ...args)),
    /**
     * Throws `index-unavailable` if the last call failed within the last second. For operations that send no call
     * themselves.
     */
    checkAnswering(): void {
      checkOpen();
      if (lastFailure !== undefined && performance.now() - lastFailure.atMs < justNowMs) throw lastFailure.error;
    },
    isConnected: (): boolean => client.status === 'ready',
    /** Makes every later call reject. */
    close(): void {
      isClosed = true;
    },
  };
}

const flushAfterMs = 1000;
/**
 * Entries that one script writes. A script blocks Redis, so a large flush is split into scripts of about a millisecond.
 */
const entriesPerScript = 200;

interface PendingTable<V> {
  readonly merge: (one: V, other: V) => V;
  /** Returns the group of a value. One script writes only values of one group. */
  readonly groupOf: (value: V) => string;
  readonly write: (entries: readonly V[]) => Promise<unknown>;
  /** True if a write is repeated after a failure, although the failed write may have taken effect. */
  readonly mayRepeat: boolean;
}

export type WriteBehind = ReturnType<typeof createWriteBehind>;

/**
 * Collects pulls and touches in memory and writes them together, about a second later, because every hit causes some.
 * Before that, the caller must add the pending values to the records that it reads. A read that is sent after a flush
 * finds them written.
 */
export function createWriteBehind(calls: RedisCalls, log: IndexLog) {
  const flushers: (() => Promise<void>[])[] = [];
  const warn = createThrottledWarning(log, 'failed to write pulls to index');
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function schedule(): void {
    if (isClosed) return;
    timer ??= setTimeout(() => void flush(), flushAfterMs).unref();
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // Without a connection the writes would fail, so the values stay pending.
    if (!calls.isConnected()) return schedule();
    const results = await Promise.allSettled(flushers.flatMap((flushTable) => flushTable()));
    for (const result of results) if (result.status === 'rejected') warn(result.reason);
  }

  return {
    table<V>({ merge, groupOf, write, mayRepeat }: PendingTable<V>) {
      const pending = new Map<string, V>();

      function add(key: string, value: V): void {
        const before = pending.get(key);
        pending.set(key, before === undefined ? value : merge(before, value));
        schedule();
      }

      function take(key: string): V | undefined {
        const value = pending.get(key);
        pending.delete(key);
        return value;
      }

      async function writeSome(entries: readonly (readonly [string, V])[]): Promise<void> {
        try {
          await write(entries.map(([, value]) => value));
        } catch (error) {
          if (mayRepeat) for (const [key, value] of entries) add(key, value);
          throw error;
        }
      }

      flushers.push(() => {
        const groups = Map.groupBy(pending, ([, value]) => groupOf(value));
        pending.clear();
        return [...groups.values()].flatMap((entries) => inPieces(entries).map(writeSome));
      });
      return {
        get: (key: string): V | undefined => pending.get(key),
        add,
        /** Removes the pending value and returns it. The caller must write it. */
        take,
        /**
         * Calls `writeNow` with the pending value. If `writeNow` does not resolve to 1, the value becomes pending
         * again.
         */
        async takeFor(key: string, writeNow: (value: V | undefined) => Promise<unknown>): Promise<unknown> {
          const value = take(key);
          let written: unknown;
          try {
            written = await writeNow(value);
          } finally {
            if (value !== undefined && written !== 1) add(key, value);
          }
          return written;
        },
      };
    },
    /** Writes the pending values. Logs failures and does not reject. */
    flush,
    /** Writes the pending values for the last time. */
    async close(): Promise<void> {
      await flush();
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** Splits entries into pieces, so that a script over one piece takes about a millisecond. */
export function inPieces<T>(entries: readonly T[]): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < entries.length; start += entriesPerScript)
    pieces.push(entries.slice(start, start + entriesPerScript));
  return pieces;
}
