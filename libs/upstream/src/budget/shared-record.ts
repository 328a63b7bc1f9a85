// A value that processes share. `read` gets the shared value at most once a second. `change` reads it first, and writes
// the new value immediately. Each
// process keeps its own copy, so it can continue while the shared value is unreachable.
import { createSingleFlight } from '@cistern/runtime';
import type { SharedValues } from './budget.ts';

export interface SharedRecordParts {
  readonly values: SharedValues;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

interface SharedRecordOptions<T> {
  readonly name: readonly string[];
  /** Returns the later of the local and the shared value. */
  readonly later: (one: T | undefined, other: T | undefined) => T | undefined;
  readonly ttlMs: (value: T) => number;
}

export interface SharedRecord<T> {
  /** Returns a value that was compared with the shared one within the last second, or was when that was last reachable. */
  read(): Promise<T | undefined>;
  /** Returns the local value without reading the shared one. */
  known(): T | undefined;
  change(next: (known: T | undefined) => T): Promise<T>;
}

const readEveryMs = 1_000;

export function createSharedRecord<T extends object>(
  parts: SharedRecordParts,
  options: SharedRecordOptions<T>,
): SharedRecord<T> {
  const { values, clock } = parts;
  const { later, ttlMs } = options;
  const name = options.name.map(encodeURIComponent).join('/');
  const share = createSingleFlight<void>();
  let known: T | undefined;
  let readAtMs = -Infinity;

  async function refresh(): Promise<void> {
    try {
      const text = await values.get(name);
      if (text !== undefined) known = later(known, JSON.parse(text) as T);
    } catch {
      // The shared value is unreachable, so the local one is used.
    }
    readAtMs = clock();
  }

  return {
    async read() {
      if (clock() - readAtMs >= readEveryMs) await share('', undefined, refresh);
      return known;
    },
    known: () => known,
    async change(next) {
      // If two processes write at the same time, one of the changes may be lost. That is acceptable, because the
      // values come from responses of the upstream, and its next response reports the current value again.
      await refresh();
      const value = next(known);
      known = value;
      await values.put(name, JSON.stringify(value), Math.max(1, ttlMs(value))).catch(() => {});
      return value;
    },
  };
}
