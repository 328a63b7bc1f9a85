import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRedisIndex } from '@cistern/index/redis';
import type { RedisConnection } from '@cistern/redis';
import { createLogger } from '@cistern/telemetry';
import { commandTimeoutMs, freePort, openRelay, startRedis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { tagRecord } from './samples.ts';
import { until } from './until.ts';

const options = { commandTimeoutMs: commandTimeoutMs.patient, log: { warn: () => {}, error: () => {} } };

async function assertRefused(
  connection: RedisConnection,
  message: RegExp,
  { mayBeUnavailable = false }: { readonly mayBeUnavailable?: boolean } = {},
): Promise<void> {
  const opening = openRedisIndex({ connection, keyPrefix: 'test:', ...options, mayBeUnavailable });
  await assert.rejects(opening, (error: Error & { kind?: unknown }) => {
    assert.equal(error.kind, 'index-unavailable');
    assert.match(error.message, message);
    return true;
  });
}

test('opening fails with the reason when Redis is unreachable or rejects the credentials', async (t) => {
  const redis = await startRedis({ password: 'secret' });
  t.after(() => redis.close());
  const { host, port } = redis;
  await openUnderTest(t, { kind: 'standalone', host, port, password: 'secret' });
  await Promise.all([
    assertRefused({ kind: 'standalone', host, port, password: 'wrong' }, /refuses the user name or the password/),
    assertRefused({ kind: 'standalone', host, port, password: 'wrong' }, /refuses the user name or/, {
      mayBeUnavailable: true,
    }),
    assertRefused({ kind: 'standalone', host, port }, /refuses the user name or the password/),
    assertRefused({ kind: 'cluster', nodes: [{ host, port }], password: 'secret' }, /cluster support disabled/),
    assertRefused({ kind: 'standalone', host, port: await freePort() }, /ECONNREFUSED/),
    assertRefused({ kind: 'cluster', nodes: [{ host, port: await freePort() }] }, /no node of the cluster answers/),
    assertRefused(
      { kind: 'sentinel', name: 'x', sentinels: [{ host, port: await freePort() }] },
      /no sentinel answers/,
    ),
  ]);
});

test('a Redis with an eviction policy, or of an old version, is rejected', async (t) => {
  const redis = await startRedis({ directives: ['maxmemory-policy allkeys-lru', 'rename-command CONFIG ""'] });
  t.after(() => redis.close());
  await assertRefused({ kind: 'url', url: redis.url }, /maxmemory-policy is allkeys-lru.*set it to noeviction/);
  const sound = await startRedis();
  t.after(() => sound.close());
  const { port } = await openRelay(t, sound.port, '6.0.9');
  await assertRefused(
    { kind: 'standalone', host: '127.0.0.1', port },
    /version 6\.0\.9, and the index needs Redis 6\.2/,
  );
});

const isUnavailable = (message: RegExp) => (error: Error & { kind?: unknown }) =>
  error.kind === 'index-unavailable' && message.test(error.message);

test('an index opens without Redis, and works once Redis is available and configured correctly', async (t) => {
  const redis = await startRedis({ directives: ['maxmemory-policy allkeys-lru'] });
  t.after(() => redis.close());
  const connection = { kind: 'url', url: redis.url } as const;
  await assertRefused(connection, /set it to noeviction/, { mayBeUnavailable: true });
  await redis.stop();
  const warnings: string[] = [];
  const write = (line: string) => void warnings.push((JSON.parse(line) as { readonly msg: string }).msg);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  const index = await openRedisIndex({ connection, keyPrefix: 'outage:', ...options, log, mayBeUnavailable: true });
  t.after(() => index.close());
  await assert.rejects(() => index.check(), isUnavailable(/ECONNREFUSED/));
  await assert.rejects(() => index.tags.put(tagRecord('1')), isUnavailable(/ECONNREFUSED/));
  await redis.start();
  await until(async () =>
    index.check().then(
      () => false,
      (error: Error) => /set it to noeviction/.test(error.message),
    ),
  );
  assert.equal(await redis.command('DBSIZE'), '0');
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  await until(async () =>
    index.check().then(
      () => true,
      () => false,
    ),
  );
  const heard: string[] = [];
  await index.pubsub.subscribe('topic', (message) => void heard.push(message ?? ''));
  await index.pubsub.publish('topic', 'hello');
  await until(async () => heard.includes('hello'));
  await index.tags.put(tagRecord('1'));
  assert.equal((await index.tags.get(tagRecord('1')))?.tag, tagRecord('1').tag);
  assert.deepEqual(
    warnings.filter((message) => message.startsWith('index')),
    ['index unavailable, falling back to memory and store', 'index available again'],
  );
});

test('databases and prefixes are separate', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  const tag = tagRecord('1');
  const { index } = await openUnderTest(t, { kind: 'url', url: `${redis.url}/3` }, { keyPrefix: 'a:' });
  await index.tags.put(tag);
  for (const [db, keyPrefix, expected] of [
    [3, 'a:', tag],
    [2, 'a:', undefined],
    [3, 'b:', undefined],
  ] as const) {
    const other = await openUnderTest(t, { kind: 'standalone', host: redis.host, port: redis.port, db }, { keyPrefix });
    assert.deepEqual(await other.index.tags.get(tag), expected);
  }
});

test('a prefix that changes the slots of keys and an invalid URL are caller errors', async () => {
  const url = 'redis://127.0.0.1:1';
  for (const keyPrefix of ['{a}:', 'a{}', 'a}'])
    await assert.rejects(openRedisIndex({ connection: { kind: 'url', url }, keyPrefix, ...options }), TypeError);
  for (const wrong of ['http://127.0.0.1', 'redis:', 'redis://127.0.0.1/x'])
    await assert.rejects(
      openRedisIndex({ connection: { kind: 'url', url: wrong }, keyPrefix: 'a', ...options }),
      TypeError,
    );
});
