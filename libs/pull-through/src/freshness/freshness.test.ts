import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recentFailure, freshnessOf } from './freshness.ts';

const policy = { ttlMs: 60_000, staleWhileRevalidateMs: 30_000, staleIfErrorMs: Infinity, onNotFound: 'keep' } as const;
const nowMs = 1_800_000_000_000;
const confirmed = (agoMs: number) =>
  ({ origin: 'upstream', checkedAtMs: nowMs - agoMs, lastTriedAtMs: nowMs - agoMs }) as const;
const is = (agoMs: number, lastFailure?: string, triedAgoMs = agoMs) =>
  freshnessOf({ ...confirmed(agoMs), lastFailure, lastTriedAtMs: nowMs - triedAgoMs }, policy, { nowMs });

test('a record is first fresh, then revalidated in the background, then expired', () => {
  assert.deepEqual(
    [0, 59_999, 60_000, 89_999, 90_000].map((agoMs) => is(agoMs)),
    ['fresh', 'fresh', 'revalidate-behind', 'revalidate-behind', 'expired'],
  );
});

test('a confirmation in the future is expired, except within the tolerance of the clock', () => {
  assert.deepEqual(
    [-1, -2_000, -2_001, -3_600_000].map((agoMs) => is(agoMs)),
    ['fresh', 'fresh', 'expired', 'expired'],
  );
});

test('a failure delays the next try for a moment, and a failure in the future delays nothing', () => {
  assert.equal(is(100_000, 'upstream-timeout', 9_999), 'failed-recently');
  assert.equal(is(100_000, 'upstream-timeout', 10_000), 'expired');
  assert.equal(is(100_000, 'upstream-timeout', -2_000), 'failed-recently');
  assert.equal(is(100_000, 'upstream-timeout', -3_600_000), 'expired');
});

test('a remembered failure names the part that failed', () => {
  for (const [kind, message] of [
    ['upstream-timeout', /^A request to quay\.io failed a moment ago/],
    ['manifest-unknown', /^quay\.io responded/],
    ['store-unavailable', /^This cache failed to confirm the content a moment ago \(store-unavailable\)/],
  ] as const)
    assert.match(recentFailure('quay.io', kind, 1_000).message, message);
});
