// Tests the queue states that operators see.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { CacheError } from '@cistern/errors';
import { openBullmqQueue } from '@cistern/jobs/bullmq';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';
import { until } from '../until.ts';
import { keepLog, openWorkers, placeIn, slots } from './jobs-on-redis.ts';
import { type JobQueue, tagJob } from '@cistern/jobs';

const redis = await startRedis();
after(() => redis.close());

async function openQueue(t: TestContext, keyPrefix: string) {
  const place = placeIn(redis, keyPrefix);
  const { queue, inspect, close } = await openBullmqQueue({
    ...place,
    maxWaiting: 100,
    commandTimeoutMs: commandTimeoutMs.patient,
    log: keepLog(),
  });
  t.after(close);
  const queueNamed = async (wanted: string) => (await inspect()).find(({ name }) => name === wanted);
  return { place, queue, inspect, queueNamed };
}

async function addJobs(queue: JobQueue, jobs: number): Promise<void> {
  for (let count = 0; count < jobs; count += 1)
    await queue.add('revalidate-tag', tagJob(`v${count}`), { dedupKey: `${count}`, class: 'interactive' });
}

test('queue states count waiting and active jobs, and name the time of the oldest', async (t) => {
  const { place, queue, inspect, queueNamed } = await openQueue(t, 'inspect:');
  assert.deepEqual(
    (await inspect()).map(({ name }) => name),
    ['interactive-blob', 'interactive-short', 'background-blob', 'background-short'],
  );
  // real-time: compared with times that this process sets; no duration is asserted
  const before = Date.now();
  await addJobs(queue, slots.interactive + 2);
  const waiting = await queueNamed('interactive-short');
  assert.deepEqual([waiting?.waiting, waiting?.active], [slots.interactive + 2, 0]);
  const addedAtMs = waiting?.oldestAddedAtMs ?? assert.fail();
  // real-time: compared with times that this process sets; no duration is asserted
  assert.ok(before <= addedAtMs && addedAtMs <= Date.now());

  const held = Promise.withResolvers<null>();
  await openWorkers(t, place, { 'revalidate-tag': () => held.promise });
  const isInHand = async () => (await queueNamed('interactive-short'))?.active === slots.interactive;
  await until('every slot has a job', isInHand);
  assert.equal((await queueNamed('interactive-short'))?.waiting, 2);
  held.resolve(null);
  const isIdle = async () => (await queueNamed('interactive-short'))?.oldestAddedAtMs === undefined;
  await until('no job waits any more', isIdle);
});

const failed = () => Promise.reject(new CacheError('upstream-timeout', 'The upstream is silent.'));
const unknown = () => Promise.reject(new CacheError('manifest-unknown', 'There is no such tag.'));

test('queue states list the last failures with their reasons', async (t) => {
  const { place, queue, queueNamed } = await openQueue(t, 'failures:');
  await openWorkers(t, place, { 'revalidate-tag': failed });
  // real-time: compared with times that this process sets; no duration is asserted
  const before = Date.now();
  await addJobs(queue, 12);
  await until('all jobs have failed', async () => (await queueNamed('interactive-short'))?.failed === 12);
  const failures = (await queueNamed('interactive-short'))?.failures ?? [];
  assert.equal(failures.length, 12);
  for (const { name, reason, atMs } of failures) {
    assert.deepEqual([name, reason], ['revalidate-tag', 'The upstream is silent.']);
    // real-time: compared with times that this process sets; no duration is asserted
    assert.ok(before <= atMs && atMs <= Date.now());
  }
});

test('a 404 of the upstream reaches the caller, and is no failed job', async (t) => {
  const { place, queue, inspect } = await openQueue(t, 'answers:');
  await openWorkers(t, place, { 'revalidate-tag': unknown });
  const options = { dedupKey: '1', class: 'interactive', timeoutMs: 60_000 } as const;
  await assert.rejects(queue.run('revalidate-tag', tagJob('v1'), options), { kind: 'manifest-unknown' });
  await until('the job has ended', async () => (await inspect()).every(({ active }) => active === 0));
  assert.ok((await inspect()).every((state) => state.failed === 0 && state.failures.length === 0));
});
