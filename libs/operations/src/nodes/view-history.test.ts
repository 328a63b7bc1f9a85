import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostname } from 'node:os';
import { createMetrics } from '@cistern/telemetry';
import { createIndexMeter, createLoadMeter, readStoreRoundTrip } from './measure-load.ts';
import { noCounts, nodeName } from './node-report.ts';
import { viewHistory } from './view-history.ts';

const [minute, hour] = [60_000, 3_600_000];

test('the history has a point for each bucket from the first one to now, also for those without counts', () => {
  assert.deepEqual(viewHistory('30d', [], 5), { range: '30d', asOf: 5, bucketMs: hour, points: [] });
  const start = 10 * hour;
  const { points } = viewHistory(
    '24h',
    [
      { atMs: start, counts: { requests: 4, hits: 3, bytesServed: 10, 'ttfb 0.1': 0, 'ttfb 1': 10, tomorrow: 1 } },
      { atMs: start + 15 * minute, counts: { requests: 1, misses: 1 } },
    ],
    start + 16 * minute,
  );
  assert.deepEqual(
    points.map(({ at, requests, hits, p50 }) => [(at - start) / minute, requests, hits, p50]),
    [
      [0, 4, 3, 550],
      [5, 0, 0, null],
      [10, 0, 0, null],
      [15, 1, 0, null],
    ],
  );
  assert.deepEqual(points[0], {
    at: start,
    ...noCounts,
    requests: 4,
    hits: 3,
    bytesServed: 10,
    p50: 550,
    p99: 991,
  });
});

test('the load of a node is the increase of its counts and its processor time, divided by the time', () => {
  let [nowMs, cpuMs] = [1000, 0];
  const measure = (role: 'frontend' | 'worker') => createLoadMeter({ role, now: () => nowMs, cpuMs: () => cpuMs });
  const [frontend, worker] = [measure('frontend'), measure('worker')];
  assert.equal(frontend(noCounts), undefined);
  worker(noCounts);
  [nowMs, cpuMs] = [5000, 6000];
  const counts = { ...noCounts, requests: 10, bytesServed: 8000, bytesFetched: 400 };
  assert.deepEqual(frontend(counts), { cpu: 1.5, requestsPerSecond: 2.5, bytesPerSecond: 2000 });
  assert.deepEqual(worker(counts), { cpu: 1.5, requestsPerSecond: 2.5, bytesPerSecond: 100 });
  assert.equal(frontend(counts), undefined);
});

test('a round trip is the average of the answered calls since the last one, or the last health check', async () => {
  const metrics = createMetrics();
  const measure = createIndexMeter(metrics, 'Redis');
  assert.deepEqual(await measure(), { kind: 'Redis', ms: undefined });
  metrics.indexCallDuration.observe({ result: 'failed' }, 9);
  for (const seconds of [0.001, 0.003]) metrics.indexCallDuration.observe({ result: 'answered' }, seconds);
  assert.deepEqual(await measure(), { kind: 'Redis', ms: 2 });
  assert.deepEqual(await measure(), { kind: 'Redis', ms: 2 });
  metrics.indexCallDuration.observe({ result: 'answered' }, 0.005);
  assert.deepEqual(await measure(), { kind: 'Redis', ms: 5 });
  assert.deepEqual(await readStoreRoundTrip(metrics, 'S3'), { kind: 'S3', ms: undefined });
  metrics.storeCheckDuration.set(0.0081);
  assert.deepEqual(await readStoreRoundTrip(metrics, 'S3'), { kind: 'S3', ms: 8.1 });
});

test('a node in a container without a name of its own is named after its role', () => {
  const addresses = { http: { address: { kind: 'tcp', host: undefined, port: 5000 } }, worker: {}, admin: {} } as never;
  assert.equal(nodeName(addresses, 'frontend', '3f9c21aa00bb'), 'frontend-3f9c21:5000');
  assert.equal(nodeName(addresses, 'frontend', 'cache-1'), 'cache-1:5000');
  assert.equal(nodeName(addresses, 'worker', 'cache-1'), 'cache-1');
  assert.ok(nodeName(addresses, 'frontend').includes(hostname().slice(0, 6)));
});
