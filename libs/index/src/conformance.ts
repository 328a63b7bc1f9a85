// Tests of the contract of an index. The test file of each index runs this suite.
import { test } from 'node:test';
import { pubsubCases } from './conformance/pubsub-cases.ts';
import { auditCases } from './conformance/audit-cases.ts';
import { availabilityCases } from './conformance/availability-cases.ts';
import { blobCases } from './conformance/blob-cases.ts';
import { changeCases } from './conformance/change-cases.ts';
import { degradedCases } from './conformance/degraded-cases.ts';
import { epochCases } from './conformance/epoch-cases.ts';
import { evictionCases } from './conformance/eviction-cases.ts';
import { fillCases } from './conformance/fill-cases.ts';
import type { OpenCacheIndexUnderTest } from './conformance/index-under-test.ts';
import { leaseCases } from './conformance/lease-cases.ts';
import { linkCases } from './conformance/link-cases.ts';
import { nodeCases } from './conformance/node-cases.ts';
import { popularityCases } from './conformance/popularity-cases.ts';
import { tagCases } from './conformance/tag-cases.ts';

export { changesDelivered } from './conformance/changes-delivered.ts';

export interface CacheIndexKind {
  /** True if the index answers from memory while its backend is unavailable. Other indexes reject. */
  readonly remembers?: boolean;
  /** True if several processes share the index. */
  readonly isShared?: boolean;
}

/** Registers one `node:test` test for each case. Each test gets a new index from `open`. */
export function describeCacheIndex(name: string, open: OpenCacheIndexUnderTest, kind: CacheIndexKind = {}): void {
  const cases = {
    ...tagCases,
    ...blobCases,
    ...linkCases,
    ...fillCases,
    ...evictionCases,
    ...leaseCases,
    ...epochCases,
    ...popularityCases,
    ...nodeCases,
    ...auditCases,
    ...pubsubCases,
    ...(kind.isShared === true && changeCases),
    ...(kind.remembers === true ? degradedCases : availabilityCases),
  };
  for (const [behaviour, check] of Object.entries(cases))
    void test(`${name}: ${behaviour}`, async (t) => check(await open(t)));
}
