// What whoever watches a cluster sees of its queues.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openBullmqQueue } from '@cistern/jobs/bullmq';
import { startRedis } from '@cistern/test-services';
import { keepLog, openWorkers, placeIn, slots, tagJob, until } from './jobs-on-redis.ts';

const redis = await startRedis();
after(() => redis.close());

test('a look tells what waits, what is in hand, and since when', async (t) => {
  const place = placeIn(redis, 'look:');
  const { queue, look, close } = await openBullmqQueue({ ...place, maxWaiting: 100, log: keepLog() });
  t.after(close);
  const laneOf = async (name: string) => (await look()).find(({ lane }) => lane === name);
  assert.deepEqual(
    (await look()).map(({ lane }) => lane),
    ['interactive-blob', 'interactive-short', 'background-blob', 'background-short'],
  );
  const before = Date.now();
  for (let count = 0; count < slots.interactive + 2; count += 1)
    await queue.add('revalidate-tag', tagJob(`v${count}`), { dedupKey: `${count}`, class: 'interactive' });
  const waiting = await laneOf('interactive-short');
  assert.deepEqual([waiting?.waiting, waiting?.active], [slots.interactive + 2, 0]);
  assert.ok(Math.abs((waiting?.oldestAddedAtMs ?? 0) - before) < 60_000);

  const held = Promise.withResolvers<null>();
  await openWorkers(t, place, { 'revalidate-tag': () => held.promise });
  const isInHand = async () => (await laneOf('interactive-short'))?.active === slots.interactive;
  await until('every slot has a job', isInHand);
  assert.equal((await laneOf('interactive-short'))?.waiting, 2);
  held.resolve(null);
  const isIdle = async () => (await laneOf('interactive-short'))?.oldestAddedAtMs === undefined;
  await until('nothing waits any more', isIdle);
});
