// A value that processes share, read now and then and written at once; known here even while nobody can be reached.
import type { SharedValues } from './budget-ledger.ts';

export interface SharedRecordOptions<T> {
  readonly values: SharedValues;
  readonly name: string;
  /** Of what is here and what is there. */
  readonly later: (one: T | undefined, other: T | undefined) => T | undefined;
  readonly ttlMs: (value: T) => number;
  readonly clock: () => number;
}

export interface SharedRecord<T> {
  /** At most a second behind the others. */
  read(): Promise<T | undefined>;
  /** Without looking. */
  known(): T | undefined;
  change(next: (known: T | undefined) => T): Promise<T>;
}

const lookEveryMs = 1_000;

export function createSharedRecord<T extends object>(options: SharedRecordOptions<T>): SharedRecord<T> {
  const { values, name, later, ttlMs, clock } = options;
  let known: T | undefined;
  let lookedAtMs = -Infinity;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      const text = await values.get(name);
      if (text !== undefined) known = later(known, JSON.parse(text) as T);
    } catch {
      // What is known here has to do.
    }
    lookedAtMs = clock();
  }

  return {
    async read() {
      if (clock() - lookedAtMs >= lookEveryMs) await (looking ??= look().finally(() => (looking = undefined)));
      return known;
    },
    known: () => known,
    async change(next) {
      // Two that write at the same time may lose one of two answers; the next one mends that.
      await look();
      const value = next(known);
      known = value;
      await values.put(name, JSON.stringify(value), Math.max(1, ttlMs(value))).catch(() => {});
      return value;
    },
  };
}
