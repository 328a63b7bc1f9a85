import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { commandTimeoutMs, diagnoseTime, openRelay, type Redis, startRedis } from '@cistern/test-servers';
import { until } from '../until.ts';
import { interactive, keepLog, openQueue, openWorkers, placeIn } from './jobs-on-redis.ts';
import { tagJob } from '@cistern/jobs';

const keyPrefix = 'outage:';
/** Makes commands time out soon. */
const soon = { commandTimeoutMs: commandTimeoutMs.hanging };

const started: Redis[] = [];
// Runs after each test has closed its own queues and workers.
after(async () => Promise.all(started.map(async (redis) => redis.close())));

async function startFresh(): Promise<Redis> {
  const redis = await startRedis();
  started.push(redis);
  return redis;
}

function isUnavailable(error: unknown): boolean {
  return isCacheError(error, 'index-unavailable') && error.retryable;
}

test('calls fail while Redis hangs, and the queue works again afterwards', async (t) => {
  const redis = await startFresh();
  const place = placeIn(redis, keyPrefix);
  const queue = await openQueue(t, place, soon);
  const gate = Promise.withResolvers<null>();
  let begun = false;
  await openWorkers(t, place, {
    'revalidate-tag': async ({ tag }) => {
      begun = true;
      return tag === 'held' ? gate.promise : null;
    },
  });
  const held = queue.run('revalidate-tag', tagJob('held'), interactive('held'));
  await until('the job has begun', () => begun);
  // This call joins the job. The job may start before the first caller has the reply to its add, which would then fail.
  await queue.add('revalidate-tag', tagJob('held'), interactive('held'));
  redis.freeze();
  await diagnoseTime(t, 'two calls', async () => {
    await assert.rejects(queue.add('revalidate-tag', tagJob('v1'), interactive('a')), isUnavailable);
    await assert.rejects(queue.run('revalidate-tag', tagJob('v2'), interactive('b')), isUnavailable);
  });
  gate.resolve(null);
  redis.thaw();
  assert.equal(await held, null);
  assert.equal(await queue.run('revalidate-tag', tagJob('v3'), interactive('c')), null);
});

test('a slow Redis is used as long as it answers within the timeout', async (t) => {
  const redis = await startFresh();
  const relay = await openRelay(t, redis.port);
  const connection = { kind: 'standalone', host: '127.0.0.1', port: relay.port } as const;
  const queue = await openQueue(t, { connection, keyPrefix }, { commandTimeoutMs: commandTimeoutMs.patient });
  relay.delayMs = 700;
  await queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
});

test('the queue and its workers open while Redis is unavailable', async (t) => {
  const redis = await startFresh();
  await redis.stop();
  const place = placeIn(redis, keyPrefix);
  const log = keepLog();
  const opening = Promise.all([
    openQueue(t, place, { log, ...soon }),
    openWorkers(t, place, { 'revalidate-tag': async () => null }),
  ]);
  const [queue] = await diagnoseTime(t, 'opening', async () => opening);
  const call = async () => assert.rejects(queue.run('revalidate-tag', tagJob('v1'), interactive('a')), isUnavailable);
  await diagnoseTime(t, 'the call', call);
  await redis.start();
  await until('Redis is found', () => log.logged.length === 2);
  assert.deepEqual(log.logged, ['index unavailable, falling back to memory and store', 'index available again']);
  assert.equal(await queue.run('revalidate-tag', tagJob('v1'), interactive('a')), null);
});

test('a waiting caller and its active job survive a restart of Redis', async (t) => {
  const redis = await startFresh();
  const place = placeIn(redis, keyPrefix);
  const queue = await openQueue(t, place);
  const gate = Promise.withResolvers<null>();
  let runs = 0;
  await openWorkers(t, place, {
    'revalidate-tag': async () => {
      runs += 1;
      return gate.promise;
    },
  });
  const result = queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
  await until('it runs', () => runs === 1);
  // This call joins the job. The job may start before the first caller has the reply to its add, which would then fail.
  await queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
  await redis.kill();
  gate.resolve(null);
  await redis.start();
  assert.equal(await result, null);
  assert.equal(runs, 1);
});

test('a result arrives although its message was lost', async (t) => {
  const redis = await startFresh();
  const place = placeIn(redis, keyPrefix);
  const queue = await openQueue(t, place);
  const gate = Promise.withResolvers<null>();
  let runs = 0;
  await openWorkers(t, place, {
    'revalidate-tag': async () => {
      runs += 1;
      return gate.promise;
    },
  });
  const result = queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
  await until('it runs', () => runs === 1);
  // Redis rejects all publishes from now on, so the message of the end is lost.
  await redis.command('ACL', 'SETUSER', 'default', '-publish');
  gate.resolve(null);
  assert.equal(await diagnoseTime(t, 'the result', async () => result), null);
});
