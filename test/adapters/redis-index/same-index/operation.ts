// A call of an index as plain data, and the state of a sequence of calls. The state is needed because no two indexes
// return the same generations, times or epoch names.
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex, FillRecord } from '@cistern/index';
import fc from 'fast-check';

/** An index during a sequence of calls. */
export interface Subject {
  readonly index: CacheIndex;
  /** Lets more than a millisecond of the index's own time pass. */
  pass(): Promise<void>;
  /** The last answers to claims, by digest and owner. */
  readonly claims: Map<string, FillRecord>;
  /** The generations seen so far, by digest. */
  readonly generations: Map<string, Set<number>>;
  /** Names of epochs, in the order in which they were returned. */
  readonly epochs: string[];
  readonly subscriptions: { readonly heard: (string | undefined)[]; end(): void }[];
}

export function createSubject(index: CacheIndex, pass: Subject['pass']): Subject {
  return { index, pass, claims: new Map(), generations: new Map(), epochs: [], subscriptions: [] };
}

/**
 * Passes time on an index that follows a real clock. Each lease, record and value of one millisecond expires meanwhile.
 */
// real-time: Redis and SQLite use their own clocks
export const passRealTime = async () => delay(5);

interface Operation {
  readonly given: fc.Arbitrary<readonly unknown[]>;
  readonly weight: number;
  /** Resolves to the answer to compare. */
  run(subject: Subject, ...given: readonly unknown[]): Promise<unknown>;
}

export type Operations = Readonly<Record<string, Operation>>;

/** Creates an operation. `run` receives the values that `given` generates. */
export function operation<G extends readonly unknown[]>(
  given: readonly [...{ [K in keyof G]: fc.Arbitrary<G[K]> }],
  run: (subject: Subject, ...given: G) => Promise<unknown>,
  weight = 2,
): Operation {
  return {
    given: fc.tuple(...(given as readonly fc.Arbitrary<unknown>[])),
    weight,
    run,
  };
}
