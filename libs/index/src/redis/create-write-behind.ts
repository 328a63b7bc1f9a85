// Pulls and touches come with every hit, so they are gathered in memory and written together, at most a second later.
// A read that is sent after them finds them written; one that is sent before has them laid over it by its caller.
import type { IndexLog } from '../index-log.ts';
import type { RedisCalls } from './redis-calls.ts';
import { createSeldomWarning } from '@cistern/redis/client';

const flushAfterMs = 1000;
/** A script stops the server, so a large flush is cut into pieces of about a millisecond. */
const entriesPerScript = 200;

interface PendingWrites<V> {
  get(key: string): V | undefined;
  add(key: string, value: V): void;
  /** The value is the caller's to write now. */
  take(key: string): V | undefined;
}

interface PendingTable<V> {
  readonly merge: (one: V, other: V) => V;
  /** Entries of one group are written by one script. */
  readonly groupOf: (value: V) => string;
  readonly write: (entries: readonly V[]) => Promise<unknown>;
  /** Whether values may be written twice, when nobody knows if a failed write was one. */
  readonly mayRepeat: boolean;
}

export interface WriteBehind {
  table<V>(table: PendingTable<V>): PendingWrites<V>;
  /** Writes what waits, as far as Redis takes it. */
  flush(): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

export function createWriteBehind(calls: RedisCalls, log: IndexLog): WriteBehind {
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
    // What is certain not to arrive is kept.
    if (!calls.isConnected()) return schedule();
    const results = await Promise.allSettled(flushers.flatMap((flushTable) => flushTable()));
    for (const result of results) if (result.status === 'rejected') warn(result.reason);
  }

  return {
    table<V>({ merge, groupOf, write, mayRepeat }: PendingTable<V>): PendingWrites<V> {
      const pending = new Map<string, V>();

      function add(key: string, value: V): void {
        const before = pending.get(key);
        pending.set(key, before === undefined ? value : merge(before, value));
        schedule();
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
        get: (key) => pending.get(key),
        add,
        take(key) {
          const value = pending.get(key);
          pending.delete(key);
          return value;
        },
      };
    },
    flush,
    async close() {
      await flush();
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

function inPieces<T>(entries: readonly T[]): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < entries.length; start += entriesPerScript)
    pieces.push(entries.slice(start, start + entriesPerScript));
  return pieces;
}
