import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, type Redis } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';
import { nginx, tagRecord } from './samples.ts';
import { until } from './until.ts';

let redis: Redis;

before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

const dayMs = 86_400_000;

test('pulls of all nodes add up, and a pull counts half after a day', async (t) => {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const { index: one, keyPrefix } = await openUnderTest(t, connection);
  const { index: two } = await openUnderTest(t, connection, { keyPrefix });
  // The score is of eight pulls a day ago, on Redis' clock.
  const [seconds = ''] = (await redis.command('TIME')).split('\n');
  const score = (Number(seconds) * 1000) / dayMs - 1 + 3;
  await redis.command('ZADD', `${keyPrefix}{p}:popular-tags:1`, String(score), 'docker.io/library/nginx:old');
  const old = tagRecord('old');
  assert.equal((await one.popularity.tags(1))[0]?.pulls.toFixed(2), '4.00');
  one.popularity.countTag(old);
  two.popularity.countTag(old);
  two.popularity.countTag(tagRecord('new'));
  await until(async () => (await one.popularity.tags(9)).reduce((sum, { pulls }) => sum + pulls, 0) > 6.9);
  const ranked = (await two.popularity.tags(9)).map(({ pulls, ...key }) => ({ ...key, pulls: pulls.toFixed(2) }));
  assert.deepEqual(ranked, [
    { ...nginx, tag: 'old', pulls: '6.00' },
    { ...nginx, tag: 'new', pulls: '1.00' },
  ]);
});
