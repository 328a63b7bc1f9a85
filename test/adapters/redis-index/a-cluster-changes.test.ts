import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex, TagRecord } from '@cistern/index';
import { commandTimeoutMs, startRedisCluster, type RedisCluster, type RedisProcess } from '@cistern/test-servers';
import { openUnderTest, type IndexUnderTest } from './open-under-test.ts';
import { blobRecord, claim, digestFor, link, nginx, repositoryKey, tagRecord } from './samples.ts';
import { until } from './until.ts';

let cluster: RedisCluster;

before(async () => {
  cluster = await startRedisCluster({ nodeTimeoutMs: 3000 });
});
after(() => cluster.close());

const open = async (t: TestContext, options?: { readonly timeoutMs: number }): Promise<IndexUnderTest> =>
  openUnderTest(t, { kind: 'cluster', nodes: cluster.addresses }, options);

/** There are enough topics for channels on every node. */
const topics = Array.from({ length: 30 }, (_, number) => `fill:${number}`);

async function listenToAll(index: CacheIndex): Promise<Map<string, number>> {
  const heard = new Map(topics.map((topic) => [topic, 0]));
  for (const topic of topics) await index.pubsub.subscribe(topic, () => heard.set(topic, (heard.get(topic) ?? 0) + 1));
  return heard;
}

async function commandAll(...args: string[]): Promise<string[]> {
  const replies = await Promise.all(cluster.nodes.slice(0, 3).map((node) => node.command(...args)));
  return replies.flatMap((reply) => reply.split('\n')).filter(Boolean);
}

test('a node of a cluster is rejected as a standalone Redis', async (t) => {
  const [address] = cluster.addresses;
  await assert.rejects(openUnderTest(t, { kind: 'standalone', ...address! }), {
    kind: 'index-unavailable',
    message: /is a node of a Redis Cluster; configure it as a cluster/,
  });
});

test('all keys have the prefix, and keys that a script uses together share a slot', async (t) => {
  const { index, keyPrefix } = await open(t);
  const { tags, manifests, links, fills, leases, values, pubsub } = index;
  await leases.acquire('rebuild', 'me', 60_000);
  await values.put('rebuild', 'a', 60_000);
  for (const seed of ['a', 'b', 'c', 'd']) {
    const digest = digestFor(seed);
    await tags.put(tagRecord(seed));
    await manifests.put({ schema: 1, digest, mediaType: 'x', size: 1, storedAtMs: 1 });
    await links.put(nginx, [link(seed)]);
    await fills.claim(claim(seed, 'me'));
    await fills.done(digest, 'me', blobRecord(seed));
  }
  await pubsub.subscribe('topic', () => {});
  const keys = await commandAll('KEYS', '*');
  // Copies of fills for older releases are written some time later.
  const own = keys.filter((key) => !/\{b:[0-9a-f]{2}\}:fill:/.test(key));
  assert.equal(own.length, 4 * 4 + 4 + 1 + 4 * 3 + 1 - 3 + 2);
  const slots = new Map<string, Set<string>>();
  for (const key of [...keys, ...(await commandAll('PUBSUB', 'SHARDCHANNELS'))]) {
    assert.ok(key.startsWith(keyPrefix), key);
    const family = /\{(?:b|r|l|v|a):[^}]+\}/.exec(key)?.[0] ?? '';
    assert.notEqual(family, '', key);
    const slot = (await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', key)) ?? '';
    slots.set(family, (slots.get(family) ?? new Set()).add(slot));
  }
  for (const [family, ofFamily] of slots) assert.equal(ofFamily.size, 1, family);
  assert.ok(new Set([...slots.values()].flatMap((ofFamily) => [...ofFamily])).size > 3);
});

test('one full node of a cluster makes the index full, until it takes records again', async (t) => {
  const { index } = await open(t);
  for (let check = 0; check < 4; check += 1) assert.equal(await index.findFull(), undefined);
  for (const node of cluster.nodes.slice(0, 3)) {
    await node.command('CONFIG', 'SET', 'maxmemory', '1');
    await until(async () => /its memory is full/.test((await index.findFull()) ?? ''));
    for (let check = 0; check < 4; check += 1) assert.match((await index.findFull()) ?? '', /its memory is full/);
    await node.command('CONFIG', 'SET', 'maxmemory', '0');
    await until(async () => (await index.findFull()) === undefined);
  }
});

test('a subscription follows its channel to another node, and its listener is called', async (t) => {
  const { index, keyPrefix } = await open(t);
  await cluster.flushAll();
  const heard = await listenToAll(index);
  const topic = 'fill:7';
  const [channel = ''] = (await commandAll('PUBSUB', 'SHARDCHANNELS', `${keyPrefix}*}:${topic}`)).values();
  const masters = cluster.nodes.slice(0, 3);
  const slot = (await masters[0]?.command('CLUSTER', 'KEYSLOT', channel)) ?? '';
  const has = async (node: RedisProcess) => (await node.command('PUBSUB', 'SHARDCHANNELS', channel)) === channel;
  const [source, target] = (await has(masters[0]!))
    ? [masters[0]!, masters[1]!]
    : [await find(masters, has), masters[0]!];
  const sourceId = await source.command('CLUSTER', 'MYID');
  const targetId = await target.command('CLUSTER', 'MYID');
  await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
  await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
  await target.command('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
  await source.command('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
  await until(() => heard.get(topic) !== 0);
  assert.equal(await has(target), true);
  heard.set(topic, 0);
  await index.pubsub.publish(topic);
  await until(() => heard.get(topic) === 1);
});

test('while one master hangs the others are used, and its replica is used after the failover', async (t) => {
  const { index } = await open(t, { timeoutMs: commandTimeoutMs.hanging });
  const keys = Array.from({ length: 12 }, (_, number) => tagRecord('1', repositoryKey(`library/${number}`)));
  for (const key of keys) await index.tags.put(key);
  const [first] = cluster.nodes;
  const keysOfFirst = (await first?.command('KEYS', '*:t:1')) ?? '';
  const isOfFirst = ({ repository }: TagRecord) => keysOfFirst.includes(`/${repository}}`);
  const [affected, others] = [keys.filter(isOfFirst), keys.filter((key) => !isOfFirst(key))];
  assert.ok(affected.length > 0 && others.length > 0);
  const heard = await listenToAll(index);
  t.after(() => first?.thaw());
  first?.freeze();

  let failures = 0;
  const isServing = async () => {
    await Promise.all(others.map((key) => index.tags.get(key)));
    let failed = 0;
    const read = async (key: TagRecord) => index.tags.get(key).catch(() => (failed += 1));
    await Promise.all(affected.map(read));
    failures += failed;
    return failed === 0;
  };
  await until(isServing);
  assert.ok(failures > 0);
  // Listeners on that master are called once they are subscribed elsewhere. Then all receive every message again.
  await until(() => [...heard.values()].some((count) => count > 0));
  heard.clear();
  await until(async () => {
    for (const topic of topics) await index.pubsub.publish(topic);
    return topics.every((topic) => heard.has(topic));
  });
});

test('the index reconnects after an outage of the whole cluster', async (t) => {
  const { index } = await open(t);
  const heard = await listenToAll(index);
  t.after(() => cluster.start());
  await cluster.stop();
  await until(async () =>
    index.check().then(
      () => false,
      () => true,
    ),
  );
  // ioredis gives up all nodes and starts again.
  // real-time: ioredis gives up all nodes only after its own timeouts
  await delay(2500);
  await cluster.start();
  await until(async () => index.tags.put(tagRecord('1')).then(() => true));
  await until(() => [...heard.values()].every((count) => count > 0));
});

async function find(nodes: readonly RedisProcess[], matches: (node: RedisProcess) => Promise<boolean>) {
  for (const node of nodes) if (await matches(node)) return node;
  throw new Error('no node has the channel');
}
