// What an adapter's test hands to the conformance suite.
import type { TestContext } from 'node:test';
import type { JobClass, JobHandlers, JobQueue, JobWorkers } from '../job-queue.ts';

export interface JobsUnderTest {
  /** Empty at first. */
  readonly queue: JobQueue;
  /** Starts workers; the suite calls it once and closes what it returns. */
  readonly work: (handlers: JobHandlers) => Promise<JobWorkers>;
  /** How many jobs of each class `work` does at a time, blobs and others apart. At least 2 of each. */
  readonly slots: Readonly<Record<JobClass, number>>;
}

/** Opens a fresh queue; whatever it needs is released through `t.after`. */
export type OpenJobsUnderTest = (t: TestContext) => Promise<JobsUnderTest>;

/** The suite's cases by their behaviour. */
export type JobCases = Readonly<Record<string, (tested: JobsUnderTest, t: TestContext) => Promise<void>>>;
