// All calls of the index to Redis. Every error is `index-unavailable`, no call is slow, and calls that cannot succeed
// are not made.
import { CacheError } from '@cistern/errors';
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { answersWithin } from '@cistern/redis';
import { createThrottledWarning, isTimeout, type RedisClient, toIndexError } from '@cistern/redis/client';
import type { IndexLog } from '../cache-index.ts';
import type { ScriptName } from './load-scripts.ts';

export type RedisCalls = ReturnType<typeof createRedisCalls>;

const justNowMs = 1000;

type ScriptCommands = Readonly<
  Record<ScriptName, (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>>
>;

/** Called after every call with its duration in milliseconds, and whether Redis answered. */
export type OnRedisCall = (durationMs: number, isAnswered: boolean) => void;

export interface RedisCallsOptions {
  readonly client: RedisClient;
  readonly commandTimeoutMs: number;
  /** Throws while calls are not allowed yet. */
  readonly checkAdmitted: () => void;
  readonly onCall?: OnRedisCall | undefined;
}

export function createRedisCalls({ client, commandTimeoutMs, checkAdmitted, onCall = () => {} }: RedisCallsOptions) {
  // Protects against a server that answers too late; a hung server is detected by the connection. More calls would only
  // slow the server down, and a request with several calls would wait for each. In a cluster the next call may go to
  // another node.
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
      // Send before the first await, so that calls reach a server in the order in which they were made.
      const result = await breaker.execute(() => answersWithin(commandTimeoutMs, send(client)));
      lastFailure = undefined;
      onCall(performance.now() - startedAt, true);
      return result;
    } catch (error) {
      onCall(performance.now() - startedAt, false);
      const cause = error instanceof BrokenCircuitError ? new Error('Command timed out', { cause: error }) : error;
      lastFailure = { error: toIndexError(cause), atMs: performance.now() };
      throw lastFailure.error;
    }
  }

  return {
    command,
    /** Runs a script whose keys have one hash tag. */
    run: async (script: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
      command((target) => (target as unknown as ScriptCommands)[script](keys.length, ...keys, ...args)),
    /** Throws `index-unavailable` if the last call failed recently. For operations that make no call of their own. */
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
/** A script blocks the server, so a large flush is split into scripts of about a millisecond. */
const entriesPerScript = 200;

interface PendingTable<V> {
  readonly merge: (one: V, other: V) => V;
  /** One script writes the entries of one group. */
  readonly groupOf: (value: V) => string;
  readonly write: (entries: readonly V[]) => Promise<unknown>;
  /** Whether values may be written twice, after a failure that may have written them. */
  readonly mayRepeat: boolean;
}

export type WriteBehind = ReturnType<typeof createWriteBehind>;

/**
 * Every hit brings pulls and touches, so they are gathered in memory and written together, at most a second later. A
 * read sent after a flush finds them written. For an earlier read, the caller adds the pending values.
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
    // Keep the writes while they are certain to fail.
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
        /** Removes the value and returns it; the caller must write it. */
        take,
        /** Runs `writeNow`, which writes the pending value. The value stays pending unless `writeNow` returns 1. */
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
    /** Writes the pending values, as far as Redis accepts them. */
    flush,
    /** Writes the remaining values. */
    async close(): Promise<void> {
      await flush();
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** Splits entries for scripts over many records, so that each script takes about a millisecond. */
export function inPieces<T>(entries: readonly T[]): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < entries.length; start += entriesPerScript)
    pieces.push(entries.slice(start, start + entriesPerScript));
  return pieces;
}
