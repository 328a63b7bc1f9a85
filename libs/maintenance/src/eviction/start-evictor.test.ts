import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { graceMs } from '../testing/start-full-cache.ts';
import { until } from '@cistern/runtime/testing';
import { startEvictor } from './start-evictor.ts';

test('after a lease that was lost a victim has its whole grace again: another evictor may have marked it', async (t) => {
  const clock = { nowMs: 1_700_000_000_000 };
  const now = () => clock.nowMs;
  const index = createTestIndex({ now });
  const store = createMemoryStore();
  const bytes = Buffer.from('a blob');
  const digest = digestOf(bytes);
  const times = { storedAtMs: 1, lastPulledAtMs: 1 };
  await putBytes(store, digest, bytes);
  await index.blobs.put({ schema: 1, digest, size: bytes.length, state: 'present', verified: true, ...times });
  let steps = 0;
  let loses = false;
  const isComplete = async () => {
    steps += 1;
    if (!loses) return true;
    loses = false;
    throw new CacheError('index-unavailable', 'away');
  };
  const evictor = startEvictor({
    index: { ...index, epoch: { ...index.epoch, isComplete } },
    store,
    readLimits: async () => ({ mostBytes: 0, highBytes: 0, lowBytes: 0 }),
    ageLimits: new Map(),
    spareMs: 0,
    log: createLogger({ level: 'error', formatter: 'json' }),
    metrics: createMetrics(),
    now,
  });
  t.after(() => evictor.close());
  const step = async () => {
    const before = steps;
    // The step before has ended when the next but one begins.
    await until(() => steps >= before + 2);
  };
  await until(async () => (await index.blobs.get(digest))?.state === 'evicting');
  loses = true;
  await until(() => !loses);
  clock.nowMs += graceMs;
  await step();
  assert.ok(await store.stat(digest));
  clock.nowMs += graceMs;
  await until(async () => (await store.stat(digest)) === undefined);
});

test('an evictor that cannot go on says why once, tries again, and says so again when it fails after that', async (t) => {
  const index = createTestIndex({ now: () => 1 });
  let steps = 0;
  const full = new CacheError('index-unavailable', 'Its disk is full; free some of it.');
  let failure: CacheError | undefined = full;
  const isComplete = async () => {
    steps += 1;
    if (failure !== undefined) throw failure;
    return false;
  };
  const lines: string[] = [];
  const evictor = startEvictor({
    index: { ...index, epoch: { ...index.epoch, isComplete } },
    store: createMemoryStore(),
    readLimits: async () => ({ mostBytes: 0, highBytes: 0, lowBytes: 0 }),
    ageLimits: new Map(),
    spareMs: 0,
    log: createLogger({ level: 'warn', formatter: 'json', destination: { write: (line) => void lines.push(line) } }),
    metrics: createMetrics(),
    now: () => 1,
  });
  t.after(() => evictor.close());
  const step = async () => {
    const before = steps;
    await until(() => steps > before);
  };
  for (let tries = 0; tries < 3; tries += 1) await step();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /eviction failed, will retry/);
  assert.match(lines[0]!, /Its disk is full; free some of it\./);
  failure = undefined;
  for (let tries = 0; tries < 2; tries += 1) await step();
  failure = full;
  for (let tries = 0; tries < 3; tries += 1) await step();
  assert.equal(lines.length, 2);
});
