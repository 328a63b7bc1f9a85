// Tests of the contract of a blob store. The test file of each store runs this suite, also for the store in memory.
import { test } from 'node:test';
import type { OpenBlobStoreUnderTest } from './conformance/blob-store-under-test.ts';
import { keepingCases } from './conformance/keeping-cases.ts';
import { objectCases } from './conformance/object-cases.ts';
import { readingCases } from './conformance/reading-cases.ts';
import { puttingCases } from './conformance/putting-cases.ts';
import { uploadCases } from './conformance/upload-cases.ts';

/** Registers one `node:test` test for each case. Each test gets a new store from `open`. */
export function describeBlobStore(name: string, open: OpenBlobStoreUnderTest): void {
  const cases = { ...puttingCases, ...uploadCases, ...readingCases, ...keepingCases, ...objectCases };
  for (const [behaviour, check] of Object.entries(cases))
    void test(`${name}: ${behaviour}`, async (t) => check(await open(t)));
}
