import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { CacheIndex } from '../cache-index.ts';
import { describeCacheIndex } from '../conformance.ts';
import { nginx, sampleBlobRecord, sampleDigest, sampleLink, sampleTag } from '../conformance/sample-records.ts';
import { blobName, changesTopic, linkName, tagName } from '../records.ts';
import { createTestIndex } from '../testing/create-index-server.ts';
import { createCachedIndex } from './create-cached-index.ts';

async function startCached(t: TestContext, maxEntries?: number) {
  const clock = { nowMs: 1_700_000_000_000 };
  const now = () => clock.nowMs;
  // Only announcements that a test publishes itself arrive.
  const pubsub = { lost: true, lateMs: 0, subscribed: 0 };
  const faults = { failing: false, pubsub };
  const memory = createTestIndex({ now, faults });
  const gate: { wait: Promise<void> | undefined; reads: number } = { wait: undefined, reads: 0 };
  const slow: CacheIndex = {
    ...memory,
    tags: {
      ...memory.tags,
      async get(key) {
        gate.reads += 1;
        const record = await memory.tags.get(key);
        await gate.wait;
        return record;
      },
    },
  };
  const logged: Record<string, unknown>[] = [];
  const warn = (fields: object, message: string) => void logged.push({ ...fields, message });
  const options = { index: slow, log: { warn, error: warn } };
  const index = createCachedIndex({ ...options, ...(maxEntries !== undefined && { maxEntries }) });
  t.after(async () => {
    await index.close();
    await memory.close();
  });
  // After this the index is subscribed.
  await new Promise(setImmediate);
  const announce = async (...names: string[]) => {
    pubsub.lost = false;
    await memory.pubsub.publish(changesTopic, names.join('\n'));
    await new Promise(setImmediate);
    pubsub.lost = true;
  };
  return { index, memory, clock, faults, gate, logged, announce };
}

describeCacheIndex(
  'cached',
  async (t) => {
    const { index, clock, faults } = await startCached(t);
    faults.pubsub.lost = false;
    return {
      index,
      now: () => clock.nowMs,
      advance: async (ms) => {
        clock.nowMs += ms;
      },
      fail: async () => {
        faults.failing = true;
      },
    };
  },
  { remembers: true },
);

const record = sampleTag('1');
const changed = sampleTag('1', { sequence: 2, digest: sampleDigest('other') });

test('a record is read at most every five seconds, and again immediately after its change is announced', async (t) => {
  const { index, memory, gate, clock, announce } = await startCached(t);
  const sequence = async () => (await index.tags.get(record))?.sequence;
  await memory.tags.put(record);
  for (let round = 0; round < 3; round += 1) assert.equal(await sequence(), 1);
  assert.equal(gate.reads, 1);
  await memory.tags.put(changed);
  assert.equal(await sequence(), 1);
  clock.nowMs += 4999;
  assert.equal(await sequence(), 1);
  clock.nowMs += 1;
  assert.equal(await sequence(), 2);
  await memory.tags.put(record);
  await announce(tagName(sampleTag('2')), linkName(nginx, record.digest));
  assert.equal(await sequence(), 2);
  await announce(blobName(record.digest), tagName(record));
  assert.equal(await sequence(), 1);
  await memory.tags.put(changed);
  assert.equal((await index.tags.get(record, { fresh: true }))?.sequence, 2);
  assert.equal(await sequence(), 2);
});

test('a missing record is not remembered', async (t) => {
  const { index, memory } = await startCached(t);
  assert.equal(await index.tags.get(record), undefined);
  assert.equal(await index.blobs.get(sampleDigest('a')), undefined);
  assert.equal(await index.links.get(nginx, sampleDigest('a')), undefined);
  await memory.tags.put(record);
  await memory.blobs.put(sampleBlobRecord('a'));
  await memory.links.put(nginx, [sampleLink(nginx, 'a')]);
  assert.notEqual(await index.tags.get(record), undefined);
  assert.notEqual(await index.blobs.get(sampleDigest('a')), undefined);
  assert.equal((await index.links.holders(['docker.io'], nginx.repository, sampleDigest('a'))).length, 1);
});

test('all records are read again after announcements may have been missed', async (t) => {
  const { index, memory, announce } = await startCached(t);
  await memory.tags.put(record);
  await index.tags.get(record);
  await memory.tags.put(changed);
  await announce();
  assert.equal((await index.tags.get(record))?.sequence, 2);
});

test('a record is not remembered if its change is announced while it is read', async (t) => {
  const { index, memory, gate, announce } = await startCached(t);
  await memory.tags.put(record);
  for (const announceChange of [() => announce(tagName(record)), () => announce()]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    await index.tags.put(record);
    gate.wait = promise;
    const reading = [index.tags.get(record), index.tags.get(record)];
    await new Promise(setImmediate);
    await memory.tags.put(changed);
    await announceChange();
    gate.wait = undefined;
    const after = index.tags.get(record);
    resolve();
    for (const answer of reading) assert.equal((await answer)?.sequence, 1);
    assert.equal((await after)?.sequence, 2);
    assert.equal((await index.tags.get(record))?.sequence, 2);
  }
});

test('concurrent reads of one record share one call', async (t) => {
  const { index, memory, gate } = await startCached(t);
  await memory.tags.put(record);
  await Promise.all(Array.from({ length: 50 }, () => index.tags.get(record)));
  assert.equal(gate.reads, 1);
});

test("remembered records include the process's own pulls", async (t) => {
  const { index, memory, gate } = await startCached(t);
  await memory.tags.put(record);
  await memory.blobs.put(sampleBlobRecord('a', { lastPulledAtMs: 1 }));
  await index.tags.get(record);
  await index.blobs.get(sampleDigest('a'));
  await index.tags.recordPull(record, 7);
  await index.blobs.touch(sampleDigest('a'), 7);
  assert.equal((await index.tags.get(record))?.pulls, 1);
  assert.equal((await index.blobs.get(sampleDigest('a')))?.lastPulledAtMs, 7);
  assert.equal(gate.reads, 1);
});

test('the memory stays within its limit', async (t) => {
  const { index, memory, gate } = await startCached(t, 10);
  const tags = Array.from({ length: 20 }, (_, number) => sampleTag(`v${number}`));
  for (const tag of tags) {
    await memory.tags.put(tag);
    await index.tags.get(tag);
  }
  await index.tags.get(tags[19]!);
  assert.equal(gate.reads, 20);
  await index.tags.get(tags[0]!);
  assert.equal(gate.reads, 21);
});

test('an outage is logged one time and costs one call, and records that were changed in memory are read again after it', async (t) => {
  const { index, memory, faults, gate, logged } = await startCached(t);
  await memory.tags.put(record);
  await index.tags.get(record);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  faults.failing = true;
  await index.tags.get(sampleTag('2'));
  for (let round = 0; round < 20; round += 1) assert.notEqual(await index.tags.get(record), undefined);
  await index.tags.put(changed);
  await index.blobs.touch(sampleDigest('a'), 1);
  assert.equal((await index.tags.get(record))?.sequence, 2);
  assert.equal(gate.reads, 2);
  const pass = async () => {
    t.mock.timers.tick(1000);
    await new Promise(setImmediate);
  };
  await pass();
  assert.equal(gate.reads, 3);
  faults.failing = false;
  assert.equal((await index.tags.get(record))?.sequence, 2);
  await pass();
  assert.equal((await index.tags.get(record))?.sequence, 1);
  await pass();
  assert.equal(gate.reads, 5);
  const [began, ended, ...more] = logged;
  assert.match(String(began?.['message']), /index unavailable/);
  assert.match(String(ended?.['message']), /available again/);
  assert.deepEqual([ended?.['failures'], ended?.['skipped']], [2, 24]);
  assert.deepEqual(more, []);
});

test('the caller gets an error that does not mean an outage', async (t) => {
  const { index } = await startCached(t);
  const stray = sampleLink({ ...nginx, upstream: 'quay.io' }, 'a');
  await assert.rejects(() => index.links.put(nginx, [stray]), TypeError);
});
