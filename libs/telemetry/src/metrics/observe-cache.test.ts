import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { observeCache, observeJobs, observeNodes } from './observe-cache.ts';

const fails = () => Promise.reject(new Error('connection refused'));

test('a scrape reports the totals, and reads them once', async () => {
  const registry = new Registry();
  let reads = 0;
  const totals = async () => {
    reads += 1;
    return { blobs: 3, bytes: 1234 };
  };
  observeCache(registry, { totals });
  const text = await registry.metrics();
  for (const line of ['cistern_cached_blobs 3', 'cistern_cached_bytes 1234'])
    assert.ok(text.includes(`\n${line}\n`), line);
  assert.equal(reads, 1);
});

test('an unavailable source has no value, and all other metrics are served', async () => {
  const registry = new Registry();
  observeCache(registry, { totals: fails });
  const other = new Gauge({ name: 'other', help: 'Another metric.', registers: [registry] });
  other.set(1);
  const text = await registry.metrics();
  assert.match(text, /^other 1$/m);
  assert.doesNotMatch(text, /^cistern_cached/m);
});

test('a scrape reports the jobs of a queue and the age of the oldest from the same read', async () => {
  const registry = new Registry();
  let readings = 0;
  observeJobs(registry, async () => {
    readings += 1;
    return [{ queue: 'background', waiting: 2, active: 1, failed: 0, oldestWaitingSeconds: readings }];
  });
  for (const seconds of [1, 2]) {
    const text = await registry.metrics();
    assert.match(text, /^cistern_queue_jobs\{queue="background",state="waiting"\} 2$/m);
    assert.match(text, new RegExp(`^cistern_queue_oldest_waiting_seconds\\{queue="background"\\} ${seconds}$`, 'm'));
    assert.equal(readings, seconds);
  }
});

test('a scrape counts nodes by role, and a role without nodes stays at zero', async () => {
  const registry = new Registry();
  let roles = ['worker', 'worker', 'standalone'];
  let isAway = false;
  observeNodes(registry, ['frontend', 'worker'], async () => (isAway ? fails() : roles.map((role) => ({ role }))));
  const counted = async () =>
    Object.fromEntries(
      [...(await registry.metrics()).matchAll(/^cistern_nodes\{role="(\w+)"\} (\d+)$/gm)].map(([, role, count]) => [
        role,
        Number(count),
      ]),
    );
  assert.deepEqual(await counted(), { frontend: 0, worker: 2, standalone: 1 });
  roles = ['frontend'];
  assert.deepEqual(await counted(), { frontend: 1, worker: 0, standalone: 0 });
  isAway = true;
  assert.deepEqual(await counted(), {});
});
