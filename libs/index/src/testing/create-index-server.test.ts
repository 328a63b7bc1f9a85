import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import type { CacheIndexUnderTest } from '../conformance/index-under-test.ts';
import { describeCacheIndex } from '../conformance.ts';
import { claimed, sampleBlobRecord, sampleClaim, sampleDigest, sampleTag } from '../conformance/sample-records.ts';
import { createIndexServer, createTestIndex } from './create-index-server.ts';

const isUnavailable = (error: unknown) => isCacheError(error, 'index-unavailable');
const turn = () => new Promise(setImmediate);

function startServer() {
  const clock = { nowMs: 1_700_000_000_000 };
  return { clock, ...createIndexServer({ now: () => clock.nowMs }) };
}

describeCacheIndex('sqlite in memory', openEmpty, { isShared: true });

async function openEmpty(): Promise<CacheIndexUnderTest> {
  let nowMs = 1_700_000_000_000;
  const faults = { failing: false };
  return {
    index: createTestIndex({ now: () => nowMs, faults }),
    now: () => nowMs,
    advance: async (ms) => {
      nowMs += ms;
    },
    fail: async () => {
      faults.failing = true;
    },
  };
}

test('processes share written records, and a failing or closed process does not affect the others', async () => {
  const { connect } = startServer();
  const faults = { failing: false };
  const [one, two] = [connect(faults), connect()];
  await one.tags.put(sampleTag('1'));
  assert.equal((await two.tags.get(sampleTag('1')))?.sequence, 1);
  const fill = await claimed(one.fills, sampleClaim('a'));
  assert.equal(await two.fills.claim(sampleClaim('a', { owner: 'two' })), undefined);
  faults.failing = true;
  await assert.rejects(one.fills.heartbeat(fill, 1000), isUnavailable);
  assert.equal((await two.fills.read(fill.digest))?.owner, fill.owner);
  faults.failing = false;
  assert.equal(await one.fills.heartbeat(fill, 1000), 'kept');
  await one.close();
  await one.close();
  await assert.rejects(one.check(), isUnavailable);
  await two.check();
});

test('a late response arrives after its call takes effect, and never arrives if the connection fails', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connect } = startServer();
  const faults = { failing: false, lateMs: 100 };
  const [slow, other] = [connect(faults), connect()];
  let answers = 0;
  const put = slow.blobs.put(sampleBlobRecord('a')).then(() => (answers += 1));
  await turn();
  assert.notEqual(await other.blobs.get(sampleDigest('a')), undefined);
  t.mock.timers.tick(99);
  await turn();
  assert.equal(answers, 0);
  t.mock.timers.tick(1);
  await put;
  const removal = assert.rejects(slow.blobs.remove(sampleDigest('a')), isUnavailable);
  await turn();
  faults.failing = true;
  t.mock.timers.tick(100);
  await removal;
  assert.equal(await other.blobs.get(sampleDigest('a')), undefined);
});

test('an index that lost its data is empty and incomplete, and accepts claims once it has settled', async () => {
  const { connect, loseData, clock } = startServer();
  const [one, two] = [connect(), connect()];
  const received: unknown[] = [];
  await two.pubsub.subscribe('topic', (message) => received.push(message));
  assert.equal(await one.epoch.isComplete(), true);
  for (const seed of ['a', 'b']) await one.blobs.put(sampleBlobRecord(seed));
  const fill = await claimed(one.fills, sampleClaim('a'));
  const before = await two.epoch.current();
  const walk = one.blobs.leastRecent()[Symbol.asyncIterator]();
  assert.notEqual((await walk.next()).value, undefined);

  loseData();
  assert.equal((await walk.next()).done, true);
  assert.deepEqual(await two.blobs.totals(), { blobs: 0, bytes: 0 });
  assert.equal(await two.epoch.isComplete(), false);
  assert.equal(await two.epoch.markComplete(before), false);
  assert.deepEqual(await two.fills.claim(sampleClaim('a', { owner: 'two' })), { unsettledForMs: 1200 });
  assert.equal(await one.fills.heartbeat(fill, 60_000), 'recreated');
  assert.equal(await two.fills.claim(sampleClaim('a', { owner: 'two' })), undefined);
  clock.nowMs += 1000;
  assert.deepEqual(await two.fills.claim(sampleClaim('b')), { unsettledForMs: 200 });
  clock.nowMs += 200;
  await claimed(two.fills, sampleClaim('b'));
  await claimed(two.fills, sampleClaim('c'));

  assert.equal(await two.epoch.markComplete(await two.epoch.current()), true);
  assert.equal(await one.epoch.isComplete(), true);
  await one.pubsub.publish('topic', 'after it');
  await turn();
  assert.deepEqual(received, ['after it']);
});

test('a claim gives the owner of a fill with an expired lease time to restore its record', async () => {
  const { connect, clock } = startServer();
  const [one, two] = [connect(), connect()];
  const first = await claimed(one.fills, sampleClaim('a', { leaseMs: 4000 }));
  const second = await claimed(one.fills, sampleClaim('b', { leaseMs: 4000 }));
  const ended = await claimed(one.fills, sampleClaim('c', { leaseMs: 4000 }));
  await one.fills.failed(ended.digest, ended.owner, { kind: 'content-mismatch', message: '' }, 1000);
  // Simulates a minute in which the index was unavailable.
  clock.nowMs += 60_000;
  assert.equal(await two.fills.read(first.digest), undefined);
  assert.deepEqual(await two.fills.claim(sampleClaim('a', { owner: 'two' })), { unsettledForMs: 1200 });
  clock.nowMs += 1000;
  assert.deepEqual(await two.fills.claim(sampleClaim('a', { owner: 'two' })), { unsettledForMs: 200 });
  assert.equal(await one.fills.heartbeat(first, 4000), 'recreated');
  assert.equal(await two.fills.claim(sampleClaim('a', { owner: 'two' })), undefined);
  // A claim that replaces the generation does not wait. A claim that has waited long enough does not wait again.
  await claimed(two.fills, sampleClaim('b', { owner: 'two', replaces: second.generation }));
  await claimed(two.fills, sampleClaim('c', { owner: 'two' }));
  clock.nowMs += 5000;
  assert.deepEqual(await two.fills.claim(sampleClaim('a', { owner: 'two' })), { unsettledForMs: 1200 });
  clock.nowMs += 1200;
  const next = await claimed(two.fills, sampleClaim('a', { owner: 'two' }));
  assert.ok(next.generation > first.generation);
  assert.equal(await one.fills.heartbeat(first, 4000), 'lost');
});

test('faults of one process can lose or delay its announcements, and its subscriptions are counted', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connect } = startServer();
  const pubsub = { lost: false, lateMs: 0, subscribed: 0 };
  const [spoilt, sound] = [connect({ failing: false, pubsub }), connect()];
  const received: string[] = [];
  const end = await spoilt.pubsub.subscribe('topic', (message) => received.push(`spoilt ${message}`));
  await sound.pubsub.subscribe('topic', (message) => received.push(`sound ${message}`));
  assert.equal(pubsub.subscribed, 1);
  pubsub.lost = true;
  await spoilt.pubsub.publish('topic', '1');
  await sound.pubsub.publish('topic', '2');
  await turn();
  assert.deepEqual(received.splice(0), ['sound 2']);
  pubsub.lost = false;
  pubsub.lateMs = 50;
  await spoilt.pubsub.publish('topic', '3');
  await sound.pubsub.publish('topic', '4');
  await turn();
  assert.deepEqual(received.splice(0), ['spoilt 4', 'sound 4']);
  t.mock.timers.tick(50);
  await turn();
  assert.deepEqual(received, ['spoilt 3', 'sound 3']);
  end();
  end();
  assert.equal(pubsub.subscribed, 0);
});
