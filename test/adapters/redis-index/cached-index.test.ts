// Tests the cache of a Redis index in frontends: all nodes see a change of one, and requests continue during an outage.
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';
import { createCachedIndex } from '@cistern/index/cached';
import { changesDelivered, describeCacheIndex } from '@cistern/index/conformance';
import { commandTimeoutMs, diagnoseTime, startRedis, startRedisCluster, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { blobRecord, claim, digestFor, link, nginx, tagRecord } from './samples.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

const connection = () => ({ kind: 'standalone', host: redis.host, port: redis.port }) as const;

function remember(t: TestContext, index: CacheIndex, now = Date.now) {
  const logged: string[] = [];
  const log = (_fields: object, message: string) => void logged.push(message);
  const cached = createCachedIndex({ index: { ...index, now }, log: { warn: log, error: log } });
  t.after(() => cached.close());
  return { cached, logged };
}

interface NodeOptions {
  readonly keyPrefix?: string;
  readonly timeoutMs?: number;
  readonly now?: () => number;
}

async function openNode(t: TestContext, { now, ...options }: NodeOptions = {}) {
  const { index, keyPrefix } = await openUnderTest(t, connection(), options);
  const { cached, logged } = remember(t, index, now);
  return { index: cached, bare: index, logged, keyPrefix };
}

/** Reads until two reads return the same object. Then the record is cached and the node listens for its changes. */
async function untilRemembered(read: () => Promise<unknown>): Promise<void> {
  await until(async () => (await read()) === (await read()));
}

describeCacheIndex(
  'cached redis',
  async (t) => {
    t.after(() => redis.start());
    const { index } = await openNode(t);
    // real-time: records expire by the clock of Redis
    return { index, now: Date.now, advance: async (ms) => delay(ms + 5), fail: () => redis.stop() };
  },
  { remembers: true },
);

/** A stopped clock lets no cached record expire, so only announcements change it. */
const stopped = () => 0;

/** Lists every change that other nodes must see. Each function makes one change. */
const changes: Record<string, (index: CacheIndex) => Promise<unknown>> = {
  'a moved tag': ({ tags }) => tags.put(tagRecord('1', { digest: digestFor('new'), sequence: 2 })),
  'a confirmed tag': ({ tags }) => tags.replace(tagRecord('1'), tagRecord('1', { checkedAtMs: 99 })),
  'a removed tag': ({ tags }) => tags.remove(tagRecord('1')),
  'a removed manifest': ({ manifests }) => manifests.remove(digestFor('m')),
  'a verified blob': ({ blobs }) => blobs.markVerified(digestFor('a')),
  'a blob that was fetched again': ({ blobs }) => blobs.put(blobRecord('a', { size: 11 })),
  'a removed blob': ({ blobs }) => blobs.remove(digestFor('a')),
  'a changed link': ({ links }) => links.put(nginx, [link('b'), { ...link('a'), size: 11 }]),
  'a removed link': ({ links }) => links.remove(nginx, digestFor('a')),
  'a finished fill': async ({ fills, blobs }) => {
    await blobs.remove(digestFor('a'));
    await fills.claim(claim('a', 'me'));
    await fills.done(digestFor('a'), 'me', blobRecord('a', { size: 11 }));
  },
};

async function readRecords({ tags, manifests, blobs, links }: CacheIndex): Promise<string> {
  return JSON.stringify([
    await tags.get(tagRecord('1')),
    await manifests.get(digestFor('m')),
    await blobs.get(digestFor('a')),
    await links.get(nginx, digestFor('a')),
  ]);
}

for (const [what, change] of Object.entries(changes))
  test(`${what} reaches all nodes`, async (t) => {
    const { index: one, keyPrefix } = await openNode(t, { now: stopped });
    const { index: two } = await openNode(t, { keyPrefix, now: stopped });
    const { index: worker } = await openUnderTest(t, connection(), { keyPrefix });
    const manifest = { schema: 1, digest: digestFor('m'), mediaType: 'x', size: 1, storedAtMs: 1 } as const;
    for (const writer of [one, worker]) {
      await writer.tags.put(tagRecord('1'));
      await writer.manifests.put(manifest);
      await writer.blobs.remove(digestFor('a'));
      await writer.blobs.put(blobRecord('a', { verified: false }));
      await writer.links.put(nginx, [link('a'), link('b')]);
      const first = await readRecords(worker);
      for (const node of [one, two]) {
        await untilRemembered(() => node.tags.get(tagRecord('1')));
        await until(async () => (await readRecords(node)) === first);
      }
      await change(writer);
      const expected = await readRecords(worker);
      assert.notEqual(expected, first);
      for (const node of [one, two]) await until(async () => (await readRecords(node)) === expected);
    }
  });

test('a frozen Redis blocks no request', async (t) => {
  const { index, logged } = await openNode(t, { timeoutMs: commandTimeoutMs.hanging });
  await index.tags.put(tagRecord('1'));
  await changesDelivered(index.pubsub);
  await untilRemembered(() => index.tags.get(tagRecord('1')));
  t.after(() => redis.thaw());
  redis.freeze();
  await diagnoseTime(t, 'the first reads', async () =>
    Promise.all(Array.from({ length: 20 }, (_, number) => index.blobs.get(digestFor(String(number))))),
  );
  // If each call waited for Redis, the test would hit its time limit.
  await diagnoseTime(t, 'two thousand later calls', async () => {
    for (let round = 0; round < 500; round += 1) {
      assert.equal((await index.tags.get(tagRecord('1')))?.tag, '1');
      assert.equal(await index.blobs.get(digestFor('unknown')), undefined);
      await index.tags.recordPull(tagRecord('1'), 5);
      assert.equal(await index.epoch.isComplete(), false);
      // real-time: calls spread over the seconds in which a connection is given up
      await delay(5);
    }
  });
  redis.thaw();
  await until(() => logged.length === 2);
  assert.equal((await index.tags.get(tagRecord('1'), { fresh: true }))?.pulls, 0);
});

test('cache hits continue while Redis is stopped, and the index recovers without a restart', async (t) => {
  const { index, logged, keyPrefix } = await openNode(t);
  const { index: other } = await openNode(t, { keyPrefix });
  t.after(() => redis.start());
  await index.tags.put(tagRecord('1'));
  await index.links.put(nginx, [link('a')]);
  await changesDelivered(index.pubsub);
  await untilRemembered(() => index.tags.get(tagRecord('1')));
  await index.links.get(nginx, digestFor('a'));
  await redis.stop();
  for (let round = 0; round < 30; round += 1) {
    assert.notEqual(await index.tags.get(tagRecord('1')), undefined);
    assert.notEqual(await index.links.get(nginx, digestFor('a')), undefined);
    assert.equal(await index.tags.get(tagRecord('unseen')), undefined);
    await index.blobs.touch(digestFor('a'), 1);
    // real-time: calls spread over the time in which ioredis reconnects
    await delay(50);
  }
  assert.equal(logged.length, 1);
  await redis.start();
  await until(async () => index.fills.claim(claim('a', 'me')).then(() => true));
  await until(() => logged.length === 2);
  // The subscription is restored too, so changes arrive immediately again.
  await until(async () => other.tags.put(tagRecord('1')).then(() => true));
  await untilRemembered(() => index.tags.get(tagRecord('1')));
  await until(async () => {
    await other.tags.put(tagRecord('1', { sequence: Math.ceil(Math.random() * 1e9) }));
    const { sequence } = (await other.tags.get(tagRecord('1'), { fresh: true }))!;
    // real-time: an announcement needs time to arrive; the condition repeats
    await delay(100);
    return (await index.tags.get(tagRecord('1')))?.sequence === sequence;
  });
});

test('a node that starts while Redis is unavailable listens once Redis recovers', async (t) => {
  const { index, keyPrefix } = await openUnderTest(t, connection());
  const { index: other } = await openUnderTest(t, connection(), { keyPrefix });
  t.after(() => redis.start());
  await redis.stop();
  await until(async () =>
    index.check().then(
      () => false,
      () => true,
    ),
  );
  const { cached } = remember(t, index);
  assert.equal(await cached.tags.get(tagRecord('1')), undefined);
  await redis.start();
  await until(async () => other.tags.put(tagRecord('1')).then(() => true));
  await untilRemembered(() => cached.tags.get(tagRecord('1')));
  await other.tags.put(tagRecord('1', { sequence: 7 }));
  await until(async () => (await cached.tags.get(tagRecord('1')))?.sequence === 7);
});

test('changes reach all nodes through a cluster too', async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.close());
  const nodes = { kind: 'cluster', nodes: cluster.addresses } as const;
  const { index, keyPrefix } = await openUnderTest(t, nodes);
  const { index: worker } = await openUnderTest(t, nodes, { keyPrefix });
  const { cached } = remember(t, index);
  for (const seed of ['1', '2', '3', '4', '5']) {
    await worker.tags.put(tagRecord(seed));
    await worker.blobs.put(blobRecord(seed, { verified: false }));
    await untilRemembered(() => cached.tags.get(tagRecord(seed)));
    await untilRemembered(() => cached.blobs.get(digestFor(seed)));
    await worker.tags.put(tagRecord(seed, { sequence: 2 }));
    await worker.blobs.markVerified(digestFor(seed));
    await until(async () => (await cached.tags.get(tagRecord(seed)))?.sequence === 2);
    await until(async () => (await cached.blobs.get(digestFor(seed)))?.verified === true);
  }
});
