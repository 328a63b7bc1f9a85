import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '@cistern/config';
import { createCachedIndex } from '@cistern/index/cached';
import { commandTimeoutMs, diagnoseTime, startRedis, type Redis, openRelay } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { blobRecord, claim, claimed, digestFor, tagRecord } from './samples.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

const unavailable = { kind: 'index-unavailable', retryable: true };
const connection = () => ({ kind: 'standalone', host: redis.host, port: redis.port }) as const;

const fail = (_fields: object, message: string) => assert.fail(message);

/** Makes commands time out soon, for tests whose Redis hangs. */
const soon = { timeoutMs: commandTimeoutMs.hanging };

test('calls fail while Redis hangs, and succeed once it answers again', async (t) => {
  const { index, logged } = await openUnderTest(t, connection(), soon);
  await index.tags.put(tagRecord('1'));
  await index.pubsub.subscribe('topic', () => {});
  t.after(() => redis.thaw());
  redis.freeze();
  const get = () => assert.rejects(index.tags.get(tagRecord('1')), unavailable);
  const subscribe = () =>
    assert.rejects(
      index.pubsub.subscribe('other', () => {}),
      unavailable,
    );
  // A busy frontend makes many calls at the same time.
  await diagnoseTime(t, 'the first calls', () => Promise.all(Array.from({ length: 50 }, get)));
  await diagnoseTime(t, 'the call after them', get);
  // The connection is cut after three seconds, and a warning is logged.
  // real-time: calls go on until ioredis gives up a frozen connection
  while (logged.length === 0) {
    await get();
    await subscribe();
    await delay(20);
  }
  redis.thaw();
  await until(async () => (await index.tags.get(tagRecord('1'))) !== undefined);
  assert.ok(logged.length < 4, JSON.stringify(logged));
});

test('each subscription fails while Redis hangs', async (t) => {
  const { index } = await openUnderTest(t, connection(), soon);
  t.after(() => redis.thaw());
  redis.freeze();
  const subscribe = () =>
    assert.rejects(
      index.pubsub.subscribe('topic', () => {}),
      unavailable,
    );
  await diagnoseTime(t, 'the first', subscribe);
  await diagnoseTime(t, 'the next', subscribe);
  redis.thaw();
  await until(async () => index.pubsub.subscribe('topic', () => {}).then(() => true));
});

test('a Redis that answers too late gets no more requests until it is fast again', async (t) => {
  const relay = await openRelay(t, redis.port);
  const { index } = await openUnderTest(t, { kind: 'standalone', host: '127.0.0.1', port: relay.port }, soon);
  await index.check();
  relay.delayMs = 2500;
  const check = () => assert.rejects(index.check(), unavailable);
  await Promise.all(Array.from({ length: 5 }, check));
  const sentBytes = relay.bytesFromClients();
  await check();
  assert.equal(relay.bytesFromClients(), sentBytes);
  relay.delayMs = 0;
  await until(async () => index.check().then(() => true));
});

test('pulls that Redis has written are counted once, although its answer is late', async (t) => {
  const relay = await openRelay(t, redis.port);
  const { index, keyPrefix, logged } = await openUnderTest(t, { ...connection(), port: relay.port }, soon);
  const { index: other } = await openUnderTest(t, connection(), { keyPrefix });
  await index.tags.put(tagRecord('1'));
  relay.delayMs = 2500;
  await index.tags.recordPull(tagRecord('1'), 10);
  await until(() => logged.some(({ message }) => message === 'failed to write pulls to index'));
  relay.delayMs = 0;
  await until(async () => index.check().then(() => true));
  await index.tags.recordPull(tagRecord('1'), 20);
  await until(async () => (await other.tags.get(tagRecord('1')))?.lastPulledAtMs === 20);
  assert.equal((await other.tags.get(tagRecord('1')))?.pulls, 2);
});

test('a slow Redis is used as long as it answers within the timeout', async (t) => {
  const relay = await openRelay(t, redis.port);
  const { index } = await openUnderTest(t, { ...connection(), port: relay.port });
  await index.tags.put(tagRecord('1'));
  relay.delayMs = 700;
  assert.equal((await index.tags.get(tagRecord('1')))?.tag, '1');
});

test('by default a delay of 700 ms fails no call and does not count as an outage', async (t) => {
  const env = { REGISTRY_REDIS_ADDR: 'redis:6379', REGISTRY_CLUSTER_SECRET: '0123456789abcdef' };
  const { redis: byDefault } = loadConfig({ env, defaults: { rootDirectory: '/nowhere' } });
  const relay = await openRelay(t, redis.port);
  const place = { ...connection(), port: relay.port };
  const { index, logged } = await openUnderTest(t, place, { timeoutMs: byDefault!.commandTimeoutMs });
  const cached = createCachedIndex({ index, log: { warn: fail, error: fail } });
  t.after(() => cached.close());
  await index.tags.put(tagRecord('1'));
  relay.delayMs = 700;
  const late = await Promise.all([cached.tags.get(tagRecord('1')), index.fills.read(digestFor('a')), index.check()]);
  assert.equal(late[0]?.tag, '1');
  relay.delayMs = 0;
  await claimed(index, claim('a', 'me'));
  assert.deepEqual(logged, []);
});

test('an index closes while its Redis hangs', async (t) => {
  const { index } = await openUnderTest(t, connection(), soon);
  await index.tags.put(tagRecord('1'));
  await index.tags.recordPull(tagRecord('1'), 1);
  await index.pubsub.subscribe('topic', () => {});
  t.after(() => redis.thaw());
  redis.freeze();
  await diagnoseTime(t, 'closing', () => index.close());
});

test('updates that were pending when Redis failed are written when it recovers', async (t) => {
  const { index, keyPrefix } = await openUnderTest(t, connection());
  const { index: other } = await openUnderTest(t, connection(), { keyPrefix });
  await index.tags.put(tagRecord('1'));
  await index.blobs.put(blobRecord('a'));
  t.after(() => redis.start());
  await index.tags.recordPull(tagRecord('1'), 10);
  await index.blobs.touch(digestFor('a'), 20);
  await redis.kill();
  const isUnreachable = () =>
    index.check().then(
      () => false,
      () => true,
    );
  await until(isUnreachable);
  await assert.rejects(index.tags.recordPull(tagRecord('1'), 11), unavailable);
  // This is longer than the updates would have waited to be written.
  // real-time: longer than a pull that is not dropped would wait to be written
  await delay(1500);
  await redis.start();
  await until(async () => (await other.tags.get(tagRecord('1')))?.pulls === 1);
  await until(async () => (await other.blobs.get(digestFor('a')))?.lastPulledAtMs === 20);
});

test('the next heartbeat writes a lost record again', async (t) => {
  const { index } = await openUnderTest(t, connection());
  const fill = await claimed(index, claim('a', 'me'));
  await index.fills.running(fill.digest, 'me', 10);
  await redis.flushAll();
  assert.equal(await index.fills.read(fill.digest), undefined);
  assert.equal(await index.fills.done(fill.digest, 'me', blobRecord('a')), false);
  const running = { ...fill, state: 'running', size: 10 } as const;
  assert.equal(await index.fills.heartbeat(running, 4000), 'recreated');
  const { expiresAtMs, ...recreated } = (await index.fills.read(fill.digest)) ?? {};
  const { expiresAtMs: expiredAtMs, ...expected } = running;
  assert.deepEqual(recreated, expected);
  assert.ok(expiresAtMs !== undefined && expiresAtMs >= expiredAtMs);
  assert.equal(await index.fills.done(fill.digest, 'me', blobRecord('a')), true);
});

test('scripts are loaded again on a server that has lost them', async (t) => {
  const { index } = await openUnderTest(t, connection());
  await index.fills.claim(claim('a', 'me'));
  await redis.command('SCRIPT', 'FLUSH');
  assert.notEqual(await index.fills.claim(claim('b', 'me')), undefined);
});
