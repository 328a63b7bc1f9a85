import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import type { CacheIndex } from '@cistern/index';
import { startRedis, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { blobRecord, claim, digestFor, link, nginx, tagRecord } from './samples.ts';
import { packed } from './packed.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

async function openTwo(t: TestContext): Promise<[CacheIndex, CacheIndex, string]> {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const { index, keyPrefix } = await openUnderTest(t, connection);
  const { index: other } = await openUnderTest(t, connection, { keyPrefix });
  return [index, other, keyPrefix];
}

test('exactly one of two simultaneous claims wins a fill, 200 times', async (t) => {
  const [one, two] = await openTwo(t);
  const wins = { one: 0, two: 0 };
  for (let round = 0; round < 200; round++) {
    const digest = digestFor(String(round));
    const claims = [one.fills.claim(claim(String(round), 'one')), two.fills.claim(claim(String(round), 'two'))];
    // The order of the claims gives no advantage.
    const answers = await Promise.all(round % 2 === 0 ? claims : claims.toReversed());
    const won = answers.flatMap((answer) => (answer !== undefined && 'owner' in answer ? [answer] : []));
    assert.equal(won.length, 1);
    assert.deepEqual(await one.fills.read(digest), won[0]);
    assert.deepEqual(await two.fills.read(digest), won[0]);
    wins[won[0]?.owner as 'one' | 'two'] += 1;
  }
  assert.equal(wins.one + wins.two, 200);
});

test('an announcement of one node reaches the others', async (t) => {
  const [one, two] = await openTwo(t);
  const heard = Promise.withResolvers<void>();
  await two.pubsub.subscribe('fill:a', () => heard.resolve());
  await one.pubsub.publish('fill:a');
  await heard.promise;
});

test('pulls and touches of all nodes are written within seconds and counted once', async (t) => {
  const [one, two] = await openTwo(t);
  const tags = Array.from({ length: 500 }, (_, number) => tagRecord(`v${String(number).padStart(3, '0')}`));
  await Promise.all(tags.map((tag) => one.tags.put(tag)));
  await one.blobs.put(blobRecord('a'));
  for (const [index, atMs] of [
    [one, 30],
    [two, 50],
    [one, 20],
  ] as const) {
    await Promise.all(tags.map((tag) => index.tags.recordPull(tag, atMs)));
    await index.blobs.touch(digestFor('a'), atMs);
  }
  // Each node sees its own pulls immediately, and those of the other once they are written.
  assert.ok((await one.tags.get(tags[0]!))!.pulls >= 2);
  assert.ok((await two.tags.get(tags[0]!))!.pulls >= 1);
  const allSeen = async (index: CacheIndex) => {
    const records = await index.tags.list(nginx.upstream, nginx.repository, { limit: 1000 });
    assert.equal(records.length, tags.length);
    return records.every(({ pulls, lastPulledAtMs }) => pulls === 3 && lastPulledAtMs === 50);
  };
  await until(async () => (await allSeen(one)) && (await allSeen(two)));
  await until(async () => (await one.blobs.get(digestFor('a')))?.lastPulledAtMs === 50);
  assert.deepEqual(await two.blobs.get(digestFor('a')), blobRecord('a', { lastPulledAtMs: 50 }));
});

test('pulls and touches are written on close', async (t) => {
  const [one, two] = await openTwo(t);
  await one.tags.put(tagRecord('1', { pulls: 1 }));
  await one.blobs.put(blobRecord('a'));
  await one.tags.recordPull(tagRecord('1'), 10);
  await one.blobs.touch(digestFor('a'), 77);
  await one.close();
  assert.deepEqual(await two.tags.get(tagRecord('1')), tagRecord('1', { pulls: 2, lastPulledAtMs: 10 }));
  assert.deepEqual(await two.blobs.get(digestFor('a')), blobRecord('a', { lastPulledAtMs: 77 }));
  await assert.rejects(async () => one.tags.recordPull(tagRecord('1'), 11), { kind: 'index-unavailable' });
});

test('a repository that gains a link while it loses its last one is listed', async (t) => {
  const [one, two] = await openTwo(t);
  for (let round = 0; round < 100; round++) {
    await one.links.put(nginx, [link('old')]);
    await Promise.all([one.links.remove(nginx, digestFor('old')), two.links.put(nginx, [link('new')])]);
    assert.deepEqual(await one.links.repositories({ limit: 9 }), [nginx]);
    await two.links.remove(nginx, digestFor('new'));
    assert.deepEqual(await one.links.repositories({ limit: 9 }), []);
  }
});

test('digests are ordered by their last pull', async (t) => {
  const [one, two, keyPrefix] = await openTwo(t);
  const shard = Array.from({ length: 8 }, (_, number) => String(number));
  for (const [position, seed] of shard.entries()) await one.blobs.put(blobRecord(seed, { lastPulledAtMs: position }));
  await two.blobs.touch(digestFor(shard[0]!), 1000);
  await one.blobs.remove(digestFor(shard[1]!));
  await two.close();
  const listed = await redis.command('ZRANGE', `${keyPrefix}{b:all}:recent`, '0', '-1');
  assert.deepEqual(
    listed.split('\n'),
    [...shard.slice(2), shard[0]!].map((seed) => packed(digestFor(seed))),
  );
});

async function redisTimeMs(): Promise<number> {
  return 1000 * Number((await redis.command('TIME')).split('\n')[0]);
}

test('a node whose clock is an hour ahead uses the time of Redis', async (t) => {
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() + 3_600_000);
  const [index] = await openTwo(t);
  const assertTime = async () => {
    const earliestMs = await redisTimeMs();
    const readMs = index.now();
    const latestMs = (await redisTimeMs()) + 1000;
    assert.ok(readMs >= earliestMs - 1000 && readMs <= latestMs + 1000, `${earliestMs} ${readMs} ${latestMs}`);
  };
  await assertTime();
  await index.nodes.report('node-a', '{}', { ttlMs: 1000, counts: {} });
  await assertTime();
});

test('buckets of the history expire by themselves, and nodes are forgotten an hour after their end', async (t) => {
  const [index, , keyPrefix] = await openTwo(t);
  await index.nodes.report('killed', '{}', { ttlMs: 1, counts: { hits: 1 } });
  const ttlOf = async (name: string) => {
    const keys = (await redis.command('KEYS', `${keyPrefix}{n}:history:${name}:*`)).split('\n');
    return Math.round(Number(await redis.command('PTTL', keys[0]!)) / 3_600_000);
  };
  assert.deepEqual([await ttlOf('24h'), await ttlOf('30d')], [24, 30 * 24]);
  const kept = () => redis.command('HKEYS', `${keyPrefix}{n}:reports`);
  await until(async () => (await index.nodes.read()).ended.length === 1);
  await redis.command('ZADD', `${keyPrefix}{n}:ends`, String((await redisTimeMs()) - 3_601_000), 'killed');
  assert.deepEqual((await index.nodes.read()).ended, []);
  assert.match(await kept(), /killed/);
  await index.nodes.report('other', '{}', { ttlMs: 1000, counts: {} });
  assert.doesNotMatch(await kept(), /killed/);
});
