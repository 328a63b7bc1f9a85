// The conformance suite of queue and workers. The test file of every adapter runs it.
import { test } from 'node:test';
import type { OpenJobsUnderTest } from './conformance/jobs-under-test.ts';
import { runningCases } from './conformance/running-cases.ts';
import { type OpenSharedJobsUnderTest, sharedCases } from './conformance/shared-cases.ts';
import { slotCases } from './conformance/slot-cases.ts';

export { completeHandlers, tagJob } from './conformance/sample-jobs.ts';

/** Registers one `node:test` test for each case, each with a fresh queue from `open`. */
export function describeJobs(name: string, open: OpenJobsUnderTest): void {
  for (const [behaviour, check] of Object.entries({ ...runningCases, ...slotCases }))
    void test(`${name}: ${behaviour}`, async (t) => check(await open(t), t));
}

/** Registers the tests for queues that workers of several processes share. */
export function describeSharedJobs(name: string, open: OpenSharedJobsUnderTest): void {
  for (const [behaviour, check] of Object.entries(sharedCases))
    void test(`${name}: ${behaviour}`, async (t) => check(await open(t)));
}
