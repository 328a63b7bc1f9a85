import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { openBullmqQueue, openBullmqWorkers } from '@cistern/jobs/bullmq';
import { startRedis } from '@cistern/test-services';
import {
  asking,
  completeHandlers,
  keepLog,
  openQueue,
  openWorkers,
  placeIn,
  slots,
  tagJob,
  until,
} from './jobs-on-redis.ts';

const redis = await startRedis();
after(async () => redis.close());

function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'TCPSocketWrap');
}

function isOverloaded(error: unknown): boolean {
  return isCacheError(error, 'overloaded');
}

async function openBoth(keyPrefix: string) {
  const log = keepLog();
  const common = { ...placeIn(redis, keyPrefix), log };
  const handlers = completeHandlers({ 'revalidate-tag': async () => null });
  const [{ queue, close }, workers] = await Promise.all([
    openBullmqQueue({ ...common, maxWaiting: 10 }),
    openBullmqWorkers({ ...common, handlers, slots }),
  ]);
  return { queue, log, close: async () => Promise.all([close(), workers.close(60_000)]) };
}

test('closing leaves neither timers nor connections, and refuses what comes later', async () => {
  const before = openHandles();
  const { queue, log, close } = await openBoth('closed:');
  await queue.run('revalidate-tag', tagJob('v1'), asking('a'));
  await close();
  assert.deepEqual(log.logged, []);
  await until('all is closed', () => openHandles().length <= before.length);
  await assert.rejects(queue.add('revalidate-tag', tagJob('v2'), asking('b')), isOverloaded);
  await assert.rejects(queue.run('revalidate-tag', tagJob('v2'), asking('b')), isOverloaded);
});

test('closing ends a wait, and takes no longer and leaves no more when Redis is away', async (t) => {
  t.after(async () => redis.start());
  const before = openHandles();
  const { queue, close } = await openBoth('away:');
  await queue.run('revalidate-tag', tagJob('v1'), asking('a'));
  await redis.stop();
  const closedAtMs = Date.now();
  await close();
  assert.ok(Date.now() - closedAtMs < 5000, `${Date.now() - closedAtMs} ms`);
  await until('all is closed', () => openHandles().length <= before.length);
});

test('what never reached Redis can be closed, too', async (t) => {
  await redis.stop();
  t.after(async () => redis.start());
  const before = openHandles();
  const { close } = await openBoth('never:');
  const closedAtMs = Date.now();
  await close();
  assert.ok(Date.now() - closedAtMs < 5000, `${Date.now() - closedAtMs} ms`);
  await until('all is closed', () => openHandles().length <= before.length);
});

test('jobs that have ended take little room, and their results none after a while', async (t) => {
  const place = placeIn(redis, 'room:');
  const queue = await openQueue(t, place);
  await openWorkers(t, place, {
    'revalidate-tag': async ({ tag }) => {
      if (tag.startsWith('bad')) throw new CacheError('upstream-timeout', 'Too slow.');
      return null;
    },
  });
  for (let batch = 0; batch < 10; batch += 1) {
    const tags = Array.from({ length: 30 }, (_, number) => `${number % 2 === 0 ? 'good' : 'bad'}-${batch}-${number}`);
    const ends = await Promise.allSettled(
      tags.map(async (tag) => queue.run('revalidate-tag', tagJob(tag), asking(tag))),
    );
    for (const end of ends)
      if (end.status === 'rejected') assert.ok(isCacheError(end.reason, 'upstream-timeout'), String(end.reason));
  }
  const keys = (await redis.command('KEYS', 'room:*')).split('\n');
  const outcomes = keys.filter((key) => key.endsWith(':outcome'));
  assert.ok(outcomes.length > 0);
  const ttlMs = Number(await redis.command('PTTL', outcomes[0]!));
  assert.ok(ttlMs > 0 && ttlMs <= 15_000, `${ttlMs} ms`);
  // The youngest hundred that ended well, the youngest hundred that did not, and BullMQ's own few.
  assert.ok(keys.length - outcomes.length < 220, `${keys.length - outcomes.length} keys`);
});

test('more waiting jobs than allowed are refused, and taken again when the queue has been worked off', async (t) => {
  const place = placeIn(redis, 'full:');
  const queue = await openQueue(t, place, { maxWaiting: 5 });
  let added = 0;
  await assert.rejects(async () => {
    for (;;) {
      await queue.add('revalidate-tag', tagJob(`v${added}`), asking(`v${added}`));
      added += 1;
    }
  }, isOverloaded);
  assert.ok(added >= 5, `${added} jobs`);
  await openWorkers(t, place, { 'revalidate-tag': async () => null });
  await until('it takes jobs again', async () => {
    try {
      return (await queue.run('revalidate-tag', tagJob('last'), asking('last'))) === null;
    } catch (error) {
      assert.ok(isCacheError(error, 'overloaded'));
      return false;
    }
  });
});

test('a background job is tried again if that may help, and not otherwise', async (t) => {
  const place = placeIn(redis, 'again:');
  const queue = await openQueue(t, place);
  const runs: Record<string, number> = {};
  await openWorkers(t, place, {
    'revalidate-tag': async ({ tag }) => {
      runs[tag] = (runs[tag] ?? 0) + 1;
      if (tag === 'mends' && runs[tag] === 2) return null;
      const retryAfterMs = tag === 'much-later' ? 3_600_000 : 20;
      throw new CacheError('upstream-unreachable', 'Not now.', { retryable: tag !== 'final', retryAfterMs });
    },
  });
  const run = async (tag: string) =>
    queue.run('revalidate-tag', tagJob(tag), { dedupKey: tag, class: 'background', timeoutMs: 10_000 });
  assert.equal(await run('mends'), null);
  for (const tag of ['final', 'much-later', 'never'])
    await assert.rejects(run(tag), (error) => isCacheError(error, 'upstream-unreachable'));
  assert.deepEqual(runs, { mends: 2, final: 1, 'much-later': 1, never: 3 });
  await assert.rejects(queue.run('revalidate-tag', tagJob('never'), asking('never')));
  assert.equal(runs['never'], 4);
});
