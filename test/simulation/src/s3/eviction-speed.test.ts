// Measures in virtual time how fast eviction empties a bucket whose server takes about ten milliseconds for a call.
import '../virtual-time.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestIndex } from '@cistern/index/testing';
import { startEvictor } from '@cistern/maintenance';
import { digestOf } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { keyOf } from '../cluster/stored-blobs.ts';
import { network } from '../world/network/network-state.ts';
import { openSimulatedBucket } from './fixtures/open-simulated-bucket.ts';

const blobs = 10_000;

test('eviction removes more than 2,000 objects a second, in few calls, and does not stat them before', async (t) => {
  network.maxLatencyMs = 10;
  const bucket = await openSimulatedBucket(t);
  const store = await bucket.open();
  const { objects } = bucket;
  const index = createTestIndex({ now: Date.now });
  await index.epoch.markComplete(await index.epoch.current());
  const bytes = Buffer.from('x');
  for (let at = 0; at < blobs; at += 1) {
    const digest = digestOf(Buffer.from(`${at}`));
    objects.set(keyOf(digest), { bytes, etag: '', type: 'application/octet-stream', modifiedAtMs: 1 });
    const times = { storedAtMs: 1, lastPulledAtMs: 1 + at };
    await index.blobs.put({ schema: 1, digest, size: 1, state: 'present', verified: true, ...times });
  }
  const calls = { stat: 0, removeAll: 0, listObjects: 0 };
  const evictor = startEvictor({
    index,
    store: {
      ...store,
      async stat(digest) {
        calls.stat += 1;
        return store.stat(digest);
      },
      async removeAll(digests) {
        calls.removeAll += 1;
        return store.removeAll(digests);
      },
      listObjects(prefix) {
        calls.listObjects += 1;
        return store.listObjects(prefix);
      },
    },
    readLimits: async () => ({ mostBytes: 0, highBytes: 0, lowBytes: 0 }),
    ageLimits: () => new Map(),
    spareMs: 0,
    log: createLogger({ level: 'error', formatter: 'json' }),
    metrics: createMetrics(),
    now: Date.now,
  });
  t.after(() => evictor.close());
  const sinceMs = Date.now();
  while (objects.size > 0) await delay(10);
  const perSecond = blobs / ((Date.now() - sinceMs) / 1000);
  t.diagnostic(`${Math.round(perSecond)} objects a second, ${JSON.stringify(calls)}`);
  assert.ok(perSecond >= 2_000);
  assert.deepEqual(calls, { stat: 0, removeAll: blobs / 1_000, listObjects: blobs / 1_000 + 1 });
});
