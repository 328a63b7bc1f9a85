import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { commandTimeoutMs, startRedis, type Redis, openRelay } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

/** Returns the lines of CLIENT LIST. */
async function clients(kind: 'normal' | 'pubsub'): Promise<string[]> {
  const listed = (await redis.command('CLIENT', 'LIST', 'TYPE', kind)).split('\n');
  return listed.filter((line) => line.includes('name=cistern'));
}

const channels = async (kind: 'CHANNELS' | 'SHARDCHANNELS') => (await redis.command('PUBSUB', kind)).split('\n');

for (const { version, kind, empty } of [
  { version: undefined, kind: 'SHARDCHANNELS', empty: 'CHANNELS' },
  { version: '6.2.9', kind: 'CHANNELS', empty: 'SHARDCHANNELS' },
] as const) {
  const where = version === undefined ? '' : ` (Redis ${version})`;

  test(`listeners are called after each reconnect, because announcements may be lost before it${where}`, async (t) => {
    const { port } = await openRelay(t, redis.port, version);
    const { index } = await openUnderTest(t, { kind: 'standalone', host: '127.0.0.1', port });
    const heard = { a: 0, b: 0 };
    await index.pubsub.subscribe('a', () => (heard.a += 1));
    await index.pubsub.subscribe('a', () => (heard.a += 1));
    await index.pubsub.subscribe('b', () => (heard.b += 1));
    assert.equal((await channels(kind)).length, 2);
    assert.deepEqual(await channels(empty), ['']);
    for (const round of [1, 2]) {
      assert.equal((await clients('pubsub')).length, 1);
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await until(() => heard.a === 2 * round && heard.b === round);
    }
    await index.pubsub.publish('a');
    await until(() => heard.a === 6);
    assert.equal(heard.b, 2);
  });

  test(`an ended subscription and a closed index leave nothing behind${where}`, async (t) => {
    const { port } = await openRelay(t, redis.port, version);
    const { index } = await openUnderTest(t, { kind: 'standalone', host: '127.0.0.1', port });
    const topics = Array.from({ length: 100 }, (_, number) => `fill:${number}`);
    for (let round = 0; round < 3; round++) {
      const ends = await Promise.all([...topics, ...topics].map((topic) => index.pubsub.subscribe(topic, () => {})));
      assert.equal((await channels(kind)).length, topics.length);
      for (const end of ends) end();
    }
    await until(async () => (await channels(kind)).join() === '');
    await index.pubsub.subscribe('fill:1', () => {});
    await index.close();
    assert.deepEqual([...(await clients('normal')), ...(await clients('pubsub'))], []);
  });
}

test('a subscription that succeeds after its timeout is ended', async (t) => {
  const relay = await openRelay(t, redis.port);
  const { index } = await openUnderTest(
    t,
    { kind: 'standalone', host: '127.0.0.1', port: relay.port },
    { timeoutMs: commandTimeoutMs.hanging },
  );
  await index.pubsub.subscribe('a', () => {});
  relay.delayMs = 2 * commandTimeoutMs.hanging;
  const late = ['b', 'c'].map((topic) => index.pubsub.subscribe(topic, () => {}));
  for (const { status } of await Promise.allSettled(late)) assert.equal(status, 'rejected');
  await until(async () => /^[^,]*:a$/.test((await channels('SHARDCHANNELS')).join()));
});

test('a subscription that ends during a reconnect is not restored', async (t) => {
  const { index } = await openUnderTest(t, { kind: 'url', url: redis.url });
  let heard = 0;
  const end = await index.pubsub.subscribe('a', () => (heard += 1));
  const stays = Promise.withResolvers<void>();
  await index.pubsub.subscribe('b', () => stays.resolve());
  t.after(() => redis.start());
  await redis.kill();
  end();
  await redis.start();
  await stays.promise;
  assert.match((await channels('SHARDCHANNELS')).join(), /^[^,]*:b$/);
  assert.equal(heard, 0);
});
