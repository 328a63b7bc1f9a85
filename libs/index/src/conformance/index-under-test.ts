// The index and its clock, as an adapter's test gives them to the conformance suite.
import type { TestContext } from 'node:test';
import type { CacheIndex } from '../cache-index.ts';

export interface CacheIndexUnderTest {
  /** The index under test, empty at first. */
  readonly index: CacheIndex;
  /** Returns the index's own time in milliseconds, to within a second. */
  readonly now: () => number;
  /** Lets at least `ms` of the index's own time pass. */
  readonly advance: (ms: number) => Promise<void>;
  /** Makes the index unable to answer from now on. */
  readonly fail: () => Promise<void>;
}

/** Opens a fresh index. It releases its resources through `t.after`. */
export type OpenCacheIndexUnderTest = (t: TestContext) => Promise<CacheIndexUnderTest>;

/** Cases of the suite, by title. */
export type CacheIndexCases = Readonly<Record<string, (tested: CacheIndexUnderTest) => Promise<void>>>;
