import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLatencyWindow, latencyQuantileMs } from './measure-latency.ts';

const counted = (...counts: number[]) => new Map(['0.1', '1', '+Inf'].map((le, at) => [le, counts[at] ?? 0]));

test('the latency window returns the counts of the last minute', () => {
  let nowMs = 0;
  const latest = createLatencyWindow(() => nowMs);
  assert.deepEqual(latest(counted()), {});
  nowMs = 30_000;
  assert.deepEqual(latest(counted(3, 1)), { '0.1': 3, '1': 1, '+Inf': 0 });
  nowMs = 60_000;
  assert.deepEqual(latest(counted(5, 1)), { '0.1': 5, '1': 1, '+Inf': 0 });
  nowMs = 95_000;
  assert.deepEqual(latest(counted(5, 1, 1)), { '0.1': 2, '1': 0, '+Inf': 1 });
  nowMs = 200_000;
  assert.deepEqual(latest(counted(5, 1, 1)), {});
});

test('a quantile is interpolated within its bucket, and is the last finite bound for slower responses', () => {
  assert.equal(latencyQuantileMs({}, 0.5), undefined);
  assert.equal(latencyQuantileMs({ '0.1': 0, '1': 10, '+Inf': 0 }, 0.5), 550);
  const mixed = { '+Inf': 1, '1': 9, '0.1': 90 };
  assert.equal(Math.round(latencyQuantileMs(mixed, 0.45) ?? 0), 50);
  assert.equal(Math.round(latencyQuantileMs(mixed, 0.99) ?? 0), 1000);
  assert.equal(latencyQuantileMs(mixed, 1), 1000);
});
