// Types of the conformance suite: the index under test and its clock. The test file of each index provides them.
import type { TestContext } from 'node:test';
import type { CacheIndex } from '../cache-index.ts';

export interface CacheIndexUnderTest {
  /** The index under test. It is empty at the start of a case. */
  readonly index: CacheIndex;
  /** Returns the time of the index in milliseconds, accurate to a second. */
  readonly now: () => number;
  /** Resolves after at least `ms` have passed by the clock of the index. */
  readonly advance: (ms: number) => Promise<void>;
  /** Makes the index unable to answer for the rest of the case. */
  readonly fail: () => Promise<void>;
}

/** Opens a new, empty index, which is closed by `t.after`. */
export type OpenCacheIndexUnderTest = (t: TestContext) => Promise<CacheIndexUnderTest>;

/** Cases of the suite, by their titles. */
export type CacheIndexCases = Readonly<Record<string, (tested: CacheIndexUnderTest) => Promise<void>>>;
