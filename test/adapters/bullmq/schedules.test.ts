import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { commandTimeoutMs, diagnoseTime, startRedis } from '@cistern/test-servers';
import { until } from '../until.ts';
import { asking, keepLog, openQueue, openWorkers, placeIn } from './jobs-on-redis.ts';
import { tagJob } from '@cistern/jobs';
import { startDoomedWorker } from './start-doomed-worker.ts';

const redis = await startRedis();
after(async () => redis.close());

const sweep = { olderThanMs: 1000 };
const hourly = { everyMs: 3_600_000, dedupKey: 'store' };
const often = { everyMs: 100, dedupKey: 'store' };
const queueIn = (prefix: string) => `${prefix}{jobs-background-short}:background-short:`;

describe('schedules', { concurrency: true }, () => {
  test('what several processes schedule runs once in each interval, whoever does it', async (t) => {
    const place = placeIn(redis, 'shared:');
    const queues = await Promise.all([openQueue(t, place), openQueue(t, place), openQueue(t, place)]);
    let runs = 0;
    const log = keepLog();
    for (let worker = 0; worker < 2; worker += 1)
      await openWorkers(t, place, { 'sweep-uploads': async () => ((runs += 1), null) }, { log });
    // real-time: a longer wait only allows more runs
    const startedAtMs = Date.now();
    const everyMs = 1000;
    const scheduleAll = async () =>
      Promise.all(queues.map(async (queue) => queue.schedule('sweep-uploads', sweep, { ...hourly, everyMs })));
    // real-time: schedules again and again while Redis starts the runs
    while (runs < 4) {
      await scheduleAll();
      await delay(100);
    }
    // real-time: a longer wait only allows more runs
    const most = 1 + Math.floor((Date.now() - startedAtMs) / everyMs);
    assert.ok(runs <= most, `${runs} runs, and ${most} allowed`);
    // A machine that is busy for seconds makes clients lose Redis.
    if (!log.logged.some((message) => message.includes('lost Redis'))) assert.deepEqual(log.logged, []);
  });

  test('many processes that schedule the same at once cause one run', async (t) => {
    const place = placeIn(redis, 'at-once:');
    const queues = await Promise.all(Array.from({ length: 8 }, async () => openQueue(t, place)));
    let runs = 0;
    await openWorkers(t, place, {
      'sweep-uploads': async () => ((runs += 1), null),
      'revalidate-tag': async () => null,
    });
    await Promise.all(queues.map(async (queue) => queue.schedule('sweep-uploads', sweep, hourly)));
    await until('it has run', () => runs > 0);
    await Promise.all(queues.map(async (queue) => queue.schedule('sweep-uploads', sweep, hourly)));
    const behind = { dedupKey: 'behind', class: 'background', timeoutMs: 60_000 } as const;
    await queues[0]!.run('revalidate-tag', tagJob('behind'), behind);
    assert.equal(runs, 1);
    assert.equal(await redis.command('ZCARD', `${queueIn('at-once:')}delayed`), '1');
  });

  test('a run that waits keeps its place in the queue when it is scheduled again', async (t) => {
    const place = placeIn(redis, 'waits:');
    const queue = await openQueue(t, place);
    await queue.schedule('sweep-uploads', sweep, hourly);
    await queue.add('revalidate-tag', tagJob('later'), { dedupKey: 'later', class: 'background' });
    await queue.schedule('sweep-uploads', sweep, hourly);
    const waiting = (await redis.command('LRANGE', `${queueIn('waits:')}wait`, '0', '-1')).split('\n');
    assert.equal(waiting.length, 2);
    // Workers take from the end.
    assert.match(waiting[1]!, /^repeat:/);
  });

  test('a schedule whose next run is gone is mended by scheduling again', async (t) => {
    const place = placeIn(redis, 'mended:');
    const queue = await openQueue(t, place);
    let runs = 0;
    await openWorkers(t, place, { 'sweep-uploads': async () => ((runs += 1), null) });
    await queue.schedule('sweep-uploads', sweep, often);
    await until('it has run', () => runs > 0);
    // As if its worker had been killed before it put the next run down.
    const prefix = queueIn('mended:');
    await until('a run was taken away', async () => {
      const [id = ''] = (await redis.command('ZRANGE', `${prefix}delayed`, '0', '0')).split('\n');
      if (id === '' || (await redis.command('ZREM', `${prefix}delayed`, id)) !== '1') return false;
      return (await redis.command('DEL', prefix + id)) === '1';
    });
    const before = runs;
    await queue.schedule('sweep-uploads', sweep, often);
    await until('it runs again', () => runs > before + 1);
  });

  test('a run that its worker is killed over holds up neither the next one nor who asks', async (t) => {
    const place = placeIn(redis, 'killed:');
    const doomed = await startDoomedWorker(t, redis.port, place);
    const queue = await openQueue(t, place);
    await queue.schedule('sweep-uploads', sweep, { ...often, everyMs: 1000 });
    await until('it has the job', () => doomed.outputLines().includes('doing a sweep'));
    await doomed.kill();
    let runs = 0;
    await openWorkers(t, place, { 'sweep-uploads': async () => ((runs += 1), null) });
    await until('it runs again', () => runs > 1);
    await queue.run('sweep-uploads', sweep, { dedupKey: 'store', class: 'background', timeoutMs: 60_000 });
  });

  test('a run of a newer release is left to a newer worker', async (t) => {
    const place = placeIn(redis, 'newer:');
    const queue = await openQueue(t, place);
    await queue.schedule('sweep-uploads', sweep, hourly);
    const prefix = queueIn('newer:');
    const id = await redis.command('LINDEX', `${prefix}wait`, '0');
    const data = await redis.command('HGET', prefix + id, 'data');
    await redis.command('HSET', prefix + id, 'data', data.replace('"v":1', '"v":2'));
    let runs = 0;
    await openWorkers(t, place, { 'sweep-uploads': async () => ((runs += 1), null) });
    // That one, and the next run of the schedule.
    await until('it was put off', async () => (await redis.command('ZCARD', `${prefix}delayed`)) === '2');
    assert.equal(runs, 0);
    await redis.command('HSET', prefix + id, 'data', data);
    await until('it has run', () => runs === 1);
  });
});

test('a key that a forgotten job holds keeps neither a schedule nor a client from its job', async (t) => {
  const place = placeIn(redis, 'held:');
  const queue = await openQueue(t, place);
  // A run that begins while Redis loses its data takes its key after all else is gone.
  const key = `${queueIn('held:')}de:sweep-uploads store`;
  const holdKey = async () => redis.command('SET', key, 'repeat:forgotten:1');
  await holdKey();
  let runs = 0;
  await openWorkers(t, place, { 'sweep-uploads': async () => ((runs += 1), null) });
  await queue.schedule('sweep-uploads', sweep, hourly);
  await until('the schedule has run', () => runs === 1);
  await until('the run has ended', async () => (await redis.command('EXISTS', key)) === '0');
  await holdKey();
  await queue.run('sweep-uploads', sweep, { dedupKey: 'store', class: 'background', timeoutMs: 60_000 });
  assert.equal(runs, 2);
});

test('when Redis has forgotten the schedules, scheduling again brings them back', async (t) => {
  const place = placeIn(redis, 'forgotten:');
  const queue = await openQueue(t, place);
  let runs = 0;
  await openWorkers(t, place, {
    'sweep-uploads': async () => ((runs += 1), null),
    'revalidate-tag': async () => null,
  });
  await queue.schedule('sweep-uploads', sweep, often);
  await until('it has run', () => runs > 0);
  await redis.flushAll();
  await queue.run('revalidate-tag', tagJob('v1'), asking('a'));
  const before = runs;
  // As every node does time and again: a run that was going on when all was lost may put nothing down after it.
  await until('it runs again and again', async () => {
    await queue.schedule('sweep-uploads', sweep, often).catch((error: unknown) => {
      if (!isCacheError(error, 'index-unavailable')) throw error;
    });
    return runs > before + 1;
  });
});

test('scheduling fails while Redis hangs', async (t) => {
  const queue = await openQueue(t, placeIn(redis, 'hangs:'), { commandTimeoutMs: commandTimeoutMs.hanging });
  redis.freeze();
  t.after(() => redis.thaw());
  const schedule = async () =>
    assert.rejects(queue.schedule('sweep-uploads', sweep, hourly), (error) => isCacheError(error, 'index-unavailable'));
  await diagnoseTime(t, 'scheduling', schedule);
});
