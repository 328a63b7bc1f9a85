// What an adapter's test hands to the conformance suite: the index and its clock.
import type { TestContext } from 'node:test';
import type { CacheIndex } from '../cache-index.ts';

export interface CacheIndexUnderTest {
  /** Empty at first. */
  readonly index: CacheIndex;
  /** The index's own time, in milliseconds, to within a second. */
  readonly now: () => number;
  /** Lets at least `ms` of the index's time pass. */
  readonly advance: (ms: number) => Promise<void>;
  /** From now on the index cannot answer. */
  readonly fail: () => Promise<void>;
}

/** Opens a fresh index; whatever it needs is released through `t.after`. */
export type OpenCacheIndexUnderTest = (t: TestContext) => Promise<CacheIndexUnderTest>;

/** The suite's cases by their behaviour. */
export type CacheIndexCases = Readonly<Record<string, (tested: CacheIndexUnderTest) => Promise<void>>>;
