import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { until } from '@cistern/runtime/testing';
import { startEvictor } from './start-evictor.ts';

test('an age search that fails or never ends does not stop eviction', async () => {
  const nowMs = 1_700_000_000_000;
  const index = createTestIndex({ now: () => nowMs });
  const store = createMemoryStore();
  await index.epoch.markComplete(await index.epoch.current());
  const bytes = Buffer.from('a blob');
  const digest = digestOf(bytes);
  for (const repositories of [
    async (closed: Promise<never>) => closed,
    async () => Promise.reject(new CacheError('index-unavailable', 'away')),
  ]) {
    let searches = 0;
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => {});
    const links = {
      ...index.links,
      async repositories() {
        searches += 1;
        return repositories(closed.promise);
      },
    };
    const limits = { mostBytes: Infinity, highBytes: Infinity, lowBytes: Infinity };
    await putBytes(store, digest, bytes);
    await index.blobs.put({
      schema: 1,
      digest,
      size: bytes.length,
      state: 'present',
      verified: true,
      storedAtMs: 1,
      lastPulledAtMs: 1,
    });
    const evictor = startEvictor({
      index: { ...index, links },
      store,
      readLimits: async () => limits,
      ageLimits: () => new Map([['docker.io', 1000]]),
      spareMs: 0,
      log: createLogger({ level: 'error', formatter: 'json' }),
      metrics: createMetrics(),
      now: () => nowMs,
    });
    await until(() => searches > 0);
    Object.assign(limits, { mostBytes: 0, highBytes: 0, lowBytes: 0 });
    await until(async () => (await store.stat(digest)) === undefined);
    closed.reject(new CacheError('index-unavailable', 'away'));
    await evictor.close();
  }
});

test('a failing evictor logs why once, retries, and logs again only after a recovery', async (t) => {
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
    ageLimits: () => new Map(),
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
