// The interface through which an adapter's test provides a queue to the conformance suite.
import type { TestContext } from 'node:test';
import type { JobClass, JobHandlers, JobQueue, JobWorkers } from '../job-queue.ts';

export interface JobsUnderTest {
  /** The queue, empty at first. */
  readonly queue: JobQueue;
  /** Starts workers. The suite calls it once and closes the returned workers. */
  readonly work: (handlers: JobHandlers) => Promise<JobWorkers>;
  /** How many jobs of each class run at the same time in each group, blob and short jobs. At least 2 for each class. */
  readonly slots: Readonly<Record<JobClass, number>>;
}

/** Opens a new queue. Its resources are released through `t.after`. */
export type OpenJobsUnderTest = (t: TestContext) => Promise<JobsUnderTest>;

/** The cases of the suite, by test title. */
export type JobCases = Readonly<Record<string, (tested: JobsUnderTest, t: TestContext) => Promise<void>>>;
