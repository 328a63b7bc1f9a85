import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { startRedis } from '@cistern/test-servers';
import { until } from '../until.ts';
import { interactive, openQueue, openWorkers, placeIn } from './jobs-on-redis.ts';
import { tagJob } from '@cistern/jobs';

const redis = await startRedis();
after(async () => redis.close());

// The tests spend most of their time waiting for a lock to expire.
describe('workers', { concurrency: true }, () => {
  test('a job that was lost with its worker is added again, although no caller waits for it', async (t) => {
    const place = placeIn(redis, 'lost:');
    const queue = await openQueue(t, place);
    const prefix = 'lost:{jobs-interactive-short}:interactive-short:';
    await queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
    // A worker that dies leaves its job like this: active, without a lock.
    await redis.command('LMOVE', `${prefix}wait`, `${prefix}active`, 'RIGHT', 'LEFT');
    await queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
    assert.equal(await redis.command('LLEN', `${prefix}wait`), '1');
  });

  test('a key that a forgotten job holds does not block a new job', async (t) => {
    const place = placeIn(redis, 'held:');
    const queue = await openQueue(t, place);
    await redis.command('SET', 'held:{jobs-interactive-short}:interactive-short:de:revalidate-tag a', 'forgotten');
    await openWorkers(t, place, { 'revalidate-tag': async () => null });
    assert.equal(await queue.run('revalidate-tag', tagJob('v1'), interactive('a')), null);
  });

  test('the schedules that an older release kept in Redis are removed', async (t) => {
    const repeat = 'former:{jobs-background-short}:background-short:repeat';
    await redis.command('ZADD', repeat, '1', 'sweep-uploads%20store');
    await redis.command('HSET', `${repeat}:sweep-uploads%20store`, 'every', '3600000');
    await openQueue(t, placeIn(redis, 'former:'));
    await until('the schedules are gone', async () => (await redis.command('EXISTS', repeat)) === '0');
  });

  test('a job of a newer release is left to a newer worker', async (t) => {
    const place = placeIn(redis, 'newer:');
    const queue = await openQueue(t, place);
    const result = queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
    const prefix = 'newer:{jobs-interactive-short}:interactive-short:';
    let id = '';
    await until('the job waits', async () => (id = await redis.command('LINDEX', `${prefix}wait`, '0')) !== '');
    const data = await redis.command('HGET', prefix + id, 'data');
    assert.match(data, /"v":1/);
    await redis.command('HSET', prefix + id, 'data', data.replace('"v":1', '"v":2'));
    let runs = 0;
    await openWorkers(t, place, { 'revalidate-tag': async () => ((runs += 1), null) });
    await until('the job is delayed', async () => (await redis.command('ZCARD', `${prefix}delayed`)) === '1');
    assert.equal(runs, 0);
    // A newer worker sees a job that it understands.
    await redis.command('HSET', prefix + id, 'data', data);
    assert.equal(await result, null);
    assert.equal(runs, 1);
  });

  test('a job whose workers are killed again and again ends as overloaded', async (t) => {
    const place = placeIn(redis, 'poison:');
    const queue = await openQueue(t, place);
    const prefix = 'poison:{jobs-interactive-short}:interactive-short:';
    const result = queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
    const refused = assert.rejects(
      result,
      (error) => isCacheError(error, 'overloaded') && /workers .* were lost/.test(error.message),
    );
    const seen = new Set<string>();
    while (seen.size < 3) {
      let id = '';
      await until(
        'a job waits',
        async () => (id = await redis.command('LINDEX', `${prefix}wait`, '0')) !== '' && !seen.has(id),
      );
      seen.add(id);
      // A worker that dies leaves its job like this: active, without a lock.
      await redis.command('LMOVE', `${prefix}wait`, `${prefix}active`, 'RIGHT', 'LEFT');
    }
    await refused;
  });

  test('a job that runs longer than its lock stays one job', async (t) => {
    const place = placeIn(redis, 'long:');
    const queue = await openQueue(t, place);
    let runs = 0;
    const gate = Promise.withResolvers<null>();
    await openWorkers(t, place, {
      'revalidate-tag': async () => {
        runs += 1;
        return gate.promise;
      },
    });
    const early = queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
    // real-time: the job must outlast its lock, which expires by the clock of Redis
    await delay(5000);
    const late = queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
    // real-time: the second caller must reach Redis before the job ends
    await delay(50);
    gate.resolve(null);
    assert.deepEqual(await Promise.all([early, late]), [null, null]);
    assert.equal(runs, 1);
  });
});

test('the end of a job is published only to the queues that wait for it', async (t) => {
  const place = placeIn(redis, 'ended:');
  const [adder, joiner, other] = await Promise.all([openQueue(t, place), openQueue(t, place), openQueue(t, place)]);
  const begun = Promise.withResolvers<void>();
  const held = Promise.withResolvers<null>();
  const handle = async () => {
    begun.resolve();
    return held.promise;
  };
  await openWorkers(t, place, { 'revalidate-tag': handle });
  const channels = async () => (await redis.command('PUBSUB', 'CHANNELS', 'ended:jobs-ended:*')).split('\n');
  await until('all three queues listen', async () => (await channels()).length === 3);
  const calls = async () =>
    Number(/^cmdstat_publish:calls=(\d+)/m.exec(await redis.command('INFO', 'commandstats'))?.[1] ?? 0);
  const before = await calls();
  const waits = [adder, joiner].map((queue) => queue.run('revalidate-tag', tagJob('1'), interactive('1')));
  await begun.promise;
  const waiting = async () => redis.command('KEYS', 'ended:*:askers');
  await until('both queues wait', async () => (await redis.command('SCARD', await waiting())) === '2');
  held.resolve(null);
  await Promise.all(waits);
  await until('no queue waits any more', async () => (await waiting()) === '');
  assert.equal((await calls()) - before, 2);
  // No queue waits for this job.
  await other.add('revalidate-tag', tagJob('2'), interactive('2'));
  await until('the job is done', async () => (await redis.command('KEYS', 'ended:*:lock')) === '');
  assert.equal((await calls()) - before, 2);
});
