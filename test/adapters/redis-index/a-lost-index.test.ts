// Tests a lost Redis: owners keep their fills in flight, and the index counts as incomplete until it is rebuilt.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';
import { startRedis, startRedisCluster, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { claim, claimed, digestFor } from './samples.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

const connection = () => ({ kind: 'standalone', host: redis.host, port: redis.port }) as const;

async function unsettledForMs({ fills }: CacheIndex, seed: string): Promise<number> {
  const answer = await fills.claim(claim(seed, 'claimer'));
  assert.ok(answer !== undefined && 'unsettledForMs' in answer, 'the claim was not unsettled');
  return answer.unsettledForMs;
}

test('after a loss claims wait until owners have written their records again', async (t) => {
  const { index: owner, keyPrefix } = await openUnderTest(t, connection(), { settleMs: 1500 });
  const { index: other } = await openUnderTest(t, connection(), { keyPrefix, settleMs: 1500 });
  await owner.epoch.current();
  // real-time: claims settle by the clock of Redis
  await delay(1600);
  const fill = await claimed(owner, claim('a', 'me'));
  await redis.flushAll();
  const waitMs = await unsettledForMs(other, 'a');
  assert.ok(waitMs > 0 && waitMs <= 1500, String(waitMs));
  assert.equal(await other.fills.read(fill.digest), undefined);
  assert.equal(await owner.fills.heartbeat(fill, 4000), 'recreated');
  // The owner's heartbeat is enough, although other fills are still unsettled.
  assert.equal(await other.fills.claim(claim('a', 'other')), undefined);
  const next = await claimed(other, claim('a', 'other', { replaces: fill.generation }));
  assert.ok(next.generation > fill.generation);
  await unsettledForMs(other, 'b');
  // real-time: claims settle by the clock of Redis
  await delay(1600);
  await claimed(other, claim('b', 'other'));
  await claimed(other, claim('c', 'other'));
});

test('by default claims wait for a heartbeat and a reconnect', async (t) => {
  const { index } = await openUnderTest(t, connection(), { settleMs: 'default' });
  assert.equal(await unsettledForMs(index, 'a'), 1200);
});

test('a waiting claim does not restart the wait', async (t) => {
  const { index } = await openUnderTest(t, connection(), { settleMs: 600_000 });
  await index.epoch.current();
  const firstMs = await unsettledForMs(index, 'a');
  // real-time: claims settle by the clock of Redis
  await delay(50);
  await index.epoch.current();
  assert.ok((await unsettledForMs(index, 'b')) <= firstMs - 40);
});

test('after an outage that let leases expire, claims wait although no record was lost', async (t) => {
  const { index: owner, keyPrefix } = await openUnderTest(t, connection(), { settleMs: 1000 });
  const { index: other } = await openUnderTest(t, connection(), { keyPrefix, settleMs: 1000 });
  await other.epoch.current();
  // real-time: claims settle by the clock of Redis
  await delay(1100);
  const fills = await Promise.all(['a', 'b', 'c'].map((seed) => claimed(owner, claim(seed, 'me', { leaseMs: 500 }))));
  t.after(() => redis.thaw());
  redis.freeze();
  // The outage is longer than a lease.
  // real-time: leases expire by the clock of Redis
  await delay(1000);
  redis.thaw();
  await until(async () => (await unsettledForMs(other, 'a')) > 0);
  assert.equal(await other.fills.read(fills[0]!.digest), undefined);
  assert.equal(await owner.fills.heartbeat(fills[0]!, 60_000), 'recreated');
  assert.equal(await other.fills.claim(claim('a', 'other')), undefined);
  // A claim of a caller that saw the owner die does not wait for it.
  await claimed(other, claim('b', 'other', { replaces: fills[1]!.generation }));
  await unsettledForMs(other, 'c');
  // real-time: claims settle by the clock of Redis
  await delay(1100);
  await claimed(other, claim('c', 'other'));
  assert.equal(await owner.fills.heartbeat(fills[2]!, 60_000), 'lost');
  // This blob was never fetched.
  await claimed(other, claim('d', 'other'));
});

test('an index is complete until a loss, and a rebuild that overlaps a loss does not complete it', async (t) => {
  const { index, keyPrefix } = await openUnderTest(t, connection());
  assert.equal(await index.epoch.isComplete(), false);
  const first = await index.epoch.current();
  assert.equal(await index.epoch.markComplete(first), true);
  assert.equal(await index.epoch.isComplete(), true);
  for (const lose of [
    () => redis.flushAll(),
    () => redis.command('DEL', `${keyPrefix}{b:all}:settling`),
    () => redis.command('DEL', `${keyPrefix}{b:all}:rebuilt`),
  ]) {
    await lose();
    assert.equal(await index.epoch.isComplete(), false);
    assert.equal(await index.epoch.isComplete(), false);
    assert.equal(await index.epoch.markComplete(await index.epoch.current()), true);
    assert.equal(await index.epoch.isComplete(), true);
  }
  const early = await index.epoch.current();
  await redis.flushAll();
  assert.equal(await index.epoch.markComplete(early), false);
  assert.equal(await index.epoch.markComplete(early), false);
  assert.equal(await index.epoch.isComplete(), false);
  assert.equal(await index.epoch.markComplete(''), false);
});

test('a loss on one node of a cluster unsettles its claims and makes the index incomplete', async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.close());
  const { index } = await openUnderTest(t, { kind: 'cluster', nodes: cluster.addresses }, { settleMs: 60_000 });
  assert.equal(await index.epoch.markComplete(await index.epoch.current()), true);
  await cluster.nodes[0]?.command('FLUSHALL');
  assert.equal(await index.epoch.isComplete(), false);
  const { index: settled } = await openUnderTest(t, { kind: 'cluster', nodes: cluster.addresses }, { settleMs: 1 });
  await settled.epoch.current();
  assert.equal(await index.epoch.isComplete(), false);
  assert.equal(await index.epoch.markComplete(await index.epoch.current()), true);
  assert.equal(await index.epoch.isComplete(), true);
});

test('leases and values leave nothing behind', async (t) => {
  const { index, keyPrefix } = await openUnderTest(t, connection());
  for (const name of ['rebuild', 'evict']) await index.leases.acquire(name, 'me', 60_000);
  for (const name of ['token', 'other']) await index.values.put(name, 'sealed', 60_000);
  const keys = async () => redis.command('KEYS', `${keyPrefix}*`);
  assert.equal((await keys()).split('\n').length, 4);
  await index.leases.release('evict', 'me');
  await index.values.remove('other');
  await index.leases.acquire('rebuild', 'me', 2000.5);
  await index.values.put('token', 'sealed', 2000.5);
  await until(async () => (await keys()) === '');
});

test('a listener receives undefined after a reconnect, because it may have missed messages', async (t) => {
  const { index } = await openUnderTest(t, connection());
  const heard: (string | undefined)[] = [];
  const reconnected = Promise.withResolvers<void>();
  await index.pubsub.subscribe('topic', (message) => {
    heard.push(message);
    if (message === undefined) reconnected.resolve();
  });
  await index.pubsub.publish('topic', `blob ${digestFor('a')}`);
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await reconnected.promise;
  assert.deepEqual(heard, [`blob ${digestFor('a')}`, undefined]);
});
