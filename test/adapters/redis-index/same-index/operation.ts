// One call of an index as plain data, and what a sequence of them has to remember: no two indexes give the same generations,
// times or names of epochs.
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex, FillRecord } from '@cistern/index';
import fc from 'fast-check';

/** An index while a sequence is applied to it. */
export interface Subject {
  readonly index: CacheIndex;
  /** Lets more than a millisecond of the index's own time pass. */
  pass(): Promise<void>;
  /** What claims gave last, by digest and owner. */
  readonly claims: Map<string, FillRecord>;
  /** Those there were, by digest. */
  readonly generations: Map<string, Set<number>>;
  /** Names of epochs, in the order in which they were given. */
  readonly epochs: string[];
  readonly subscriptions: { readonly heard: (string | undefined)[]; end(): void }[];
}

export function createSubject(index: CacheIndex, pass: Subject['pass']): Subject {
  return { index, pass, claims: new Map(), generations: new Map(), epochs: [], subscriptions: [] };
}

/** Of an index whose time nobody turns. Each lease, record and value of one millisecond has ended then. */
// real-time: Redis and SQLite keep their own time
export const passRealTime = async () => delay(5);

interface Operation {
  readonly given: fc.Arbitrary<readonly unknown[]>;
  readonly weight: number;
  /** Resolves to what both indexes have to say. */
  run(subject: Subject, ...given: readonly unknown[]): Promise<unknown>;
}

export type Operations = Readonly<Record<string, Operation>>;

/** `run` gets what `given` makes. */
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
