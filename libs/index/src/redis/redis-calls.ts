// How the parts of the index call Redis: every error is `index-unavailable`, none is slow, and calls that cannot succeed are
// not made.
import { CacheError } from '@cistern/errors';
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { answersWithin } from '@cistern/redis';
import { createSeldomWarning, isTimeout, type RedisClient, toIndexError } from '@cistern/redis/client';
import type { IndexLog } from '../cache-index.ts';
import type { ScriptName } from './load-scripts.ts';

export type RedisCalls = ReturnType<typeof createRedisCalls>;

const justNowMs = 1000;

type ScriptCommands = Readonly<
  Record<ScriptName, (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>>
>;

/** Called after every call: how long it took, in milliseconds, and whether it was answered. */
export type OnRedisCall = (durationMs: number, isAnswered: boolean) => void;

export interface RedisCallsOptions {
  readonly client: RedisClient;
  readonly commandTimeoutMs: number;
  /** Throws where no call may be made yet. */
  readonly checkAdmitted: () => void;
  readonly onCall?: OnRedisCall | undefined;
}

export function createRedisCalls({ client, commandTimeoutMs, checkAdmitted, onCall = () => {} }: RedisCallsOptions) {
  // The connection finds out a server that hangs. This is for one that answers too late: more calls would only slow it down, and
  // a request that makes several would wait for each. In a cluster the next call may be for another node.
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
      // Sent before this function first waits, so that calls reach a server in the order in which they were made.
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
    /** Throws `index-unavailable` if the last call has just failed: for what needs no call of its own. */
    checkAnswering(): void {
      checkOpen();
      if (lastFailure !== undefined && performance.now() - lastFailure.atMs < justNowMs) throw lastFailure.error;
    },
    isConnected: (): boolean => client.status === 'ready',
    /** From now on every call rejects. */
    close(): void {
      isClosed = true;
    },
  };
}

const flushAfterMs = 1000;
/** A script stops the server, so a large flush is cut into pieces of about a millisecond. */
const entriesPerScript = 200;

interface PendingTable<V> {
  readonly merge: (one: V, other: V) => V;
  /** Entries of one group are written by one script. */
  readonly groupOf: (value: V) => string;
  readonly write: (entries: readonly V[]) => Promise<unknown>;
  /** Whether values may be written twice, after a failure that may have been a write. */
  readonly mayRepeat: boolean;
}

export type WriteBehind = ReturnType<typeof createWriteBehind>;

/**
 * Pulls and touches come with every hit, so they are gathered in memory and written together, at most a second later. A read that
 * is sent after them finds them written; one that is sent before has them laid over it by its caller.
 */
export function createWriteBehind(calls: RedisCalls, log: IndexLog) {
  const flushers: (() => Promise<void>[])[] = [];
  const warn = createSeldomWarning(log, 'pulls could not be written to the index');
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function schedule(): void {
    if (isClosed) return;
    timer ??= setTimeout(() => void flush(), flushAfterMs).unref();
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // A write that is certain not to arrive is kept.
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
        /** The value is the caller's to write now. */
        take,
        /** Has `writeNow` do what the value that waits is to do. The value waits on unless `writeNow` returns 1. */
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
    /** Writes what waits, as far as Redis takes it. */
    flush,
    /** Writes what is left. */
    async close(): Promise<void> {
      await flush();
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** For scripts about many records: each takes about a millisecond. */
export function inPieces<T>(entries: readonly T[]): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < entries.length; start += entriesPerScript)
    pieces.push(entries.slice(start, start + entriesPerScript));
  return pieces;
}
