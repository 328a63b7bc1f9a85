import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { type JobQueue, tagJob } from '@cistern/jobs';
import { diagnoseTime, startRedisCluster, startRedisSentinel } from '@cistern/test-servers';
import { until } from '../until.ts';
import { interactive, openQueue, openWorkers } from './jobs-on-redis.ts';

const closers: (() => Promise<void>)[] = [];
// Runs after each test has closed its own queues and workers.
after(async () => Promise.all(closers.map(async (close) => close())));

async function works(queue: JobQueue): Promise<boolean> {
  try {
    return (await queue.run('revalidate-tag', tagJob('v1'), interactive('a', 1000))) === null;
  } catch (error) {
    assert.ok(isCacheError(error, 'index-unavailable', 'overloaded'));
    return false;
  }
}

test('the queue and its workers follow Sentinel to another master', async (t) => {
  const redis = await startRedisSentinel();
  closers.push(redis.close);
  const { name, addresses: sentinels } = redis;
  const place = { connection: { kind: 'sentinel', name, sentinels }, keyPrefix: 'jobs:' } as const;
  const queue = await openQueue(t, place);
  await openWorkers(t, place, { 'revalidate-tag': async () => null });
  await until('it works', async () => works(queue));
  await redis.master.kill();
  await until('the replica is the master', async () => (await redis.masterPort()) === redis.replica.port);
  await until('the queue works again', async () => works(queue));
});

test('the queue works again after an outage of a Redis Cluster', async (t) => {
  const redis = await startRedisCluster({ nodeTimeoutMs: 3000 });
  closers.push(redis.close);
  const place = { connection: { kind: 'cluster', nodes: redis.addresses.slice(0, 2) }, keyPrefix: 'jobs:' } as const;
  const queue = await openQueue(t, place);
  await openWorkers(t, place, { 'revalidate-tag': async () => null });
  await until('it works', async () => works(queue));
  await redis.stop();
  // real-time: the figure is printed; nothing asserts it
  const [usage, sinceMs] = [process.cpuUsage(), performance.now()];
  // real-time: measures CPU time while the Redis servers are stopped
  await delay(1500);
  const { user, system } = process.cpuUsage(usage);
  // real-time: the figure is printed; nothing asserts it
  const [cpuMs, passedMs] = [(user + system) / 1000, performance.now() - sinceMs];
  t.diagnostic(`the outage costs ${Math.round(cpuMs)} ms of CPU time in ${Math.round(passedMs)} ms`);
  const call = async () =>
    assert.rejects(queue.run('revalidate-tag', tagJob('v1'), interactive('a')), (error) =>
      isCacheError(error, 'index-unavailable'),
    );
  await diagnoseTime(t, 'the call', call);
  await redis.start();
  await until('the queue works again', async () => works(queue));
});
