import assert from 'node:assert/strict';
import type { HerdEnd, HerdPlan } from '@cistern/herds';

/**
 * Asserts that every client of the herd received all requested bytes correctly. Each used one connection, unless the
 * plan lets it resume.
 */
export function assertAllRight(ends: readonly HerdEnd[], plan: HerdPlan): void {
  assert.equal(ends.length, plan.clients);
  for (const { client, error, wrongAt, received } of ends) {
    const { range, leavesAfterBytes } = plan.special?.[client] ?? {};
    const wanted = range === undefined ? plan.size : (range.to ?? plan.size - 1) + 1 - range.from;
    assert.equal(error, undefined, `client ${client} after ${received} bytes`);
    assert.equal(wrongAt, -1, `client ${client} got a wrong byte`);
    if (leavesAfterBytes === undefined) assert.equal(received, wanted, `client ${client}`);
  }
}
