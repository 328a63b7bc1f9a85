import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestIndex } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { startFullCache } from '../testing/start-full-cache.ts';
import { until } from '@cistern/runtime/testing';
import { createStoreRoom } from '@cistern/fills';

test('whoever finds no room waits until there is some, and what others have taken a moment ago counts', async () => {
  const index = createTestIndex({ now: Date.now });
  const times = { storedAtMs: 1, lastPulledAtMs: 1 };
  const digest = digestOf(Buffer.from('large'));
  await index.blobs.put({ schema: 1, digest, size: 90, state: 'present', verified: true, ...times });
  const room = createStoreRoom({ index, maxBytes: 100 });
  const taken: string[] = [];
  await room.take(6);
  const waiting = [room.take(5).then(() => taken.push('five')), room.take(4).then(() => taken.push('four'))];
  await until(() => taken.includes('four'));
  assert.deepEqual(taken, ['four']);
  await index.blobs.remove(digest);
  await Promise.all(waiting);
  assert.deepEqual(taken, ['four', 'five']);
});

test('nobody waits for ever, nor again and again, for room that does not come', async () => {
  const { index, count } = startLooks([2]);
  const room = createStoreRoom({ index, maxBytes: 1, maxWaitMs: 1_000 });
  await room.take(2);
  assert.ok(count() > 2, 'it was waited for');
  const before = count();
  for (let at = 0; at < 50; at += 1) await room.take(2);
  assert.ok(count() - before <= 50, 'nobody looks twice');
});

/** A store that holds so many bytes at each look, and from then on the last of them. */
function startLooks(bytes: number[]) {
  const looks = { left: bytes };
  let count = 0;
  const totals = async () => {
    count += 1;
    return { blobs: 1, bytes: looks.left.length > 1 ? looks.left.shift()! : looks.left[0]! };
  };
  const { blobs } = createTestIndex({ now: Date.now });
  return { looks, index: { blobs: { ...blobs, totals } }, count: () => count };
}

test('while anything goes, room is waited for', async () => {
  const { looks, index } = startLooks([180, 160, 140, 120, 100, 80]);
  await createStoreRoom({ index, maxBytes: 100, maxWaitMs: 300 }).take(10);
  assert.deepEqual(looks.left, [80]);
});

test('whoever gave up waits again once something has gone', async () => {
  const { looks, index } = startLooks([200]);
  const room = createStoreRoom({ index, maxBytes: 100, maxWaitMs: 1_000 });
  await room.take(10);
  looks.left = [190, 150, 80];
  await delay(300);
  await room.take(10);
  assert.deepEqual(looks.left, [80]);
});

test('while the store is full to the brim readers get what is fetched, and it is stored when there is room', async (t) => {
  const { addImage, pull, pullBlob, evict, here, recount, clock, fills } = await startFullCache(t, {
    highBytes: 150_000,
    lowBytes: 50_000,
    maxBytes: 220_000,
  });
  const [one, two, three] = [1, 2, 3].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  await pull(one!);
  await pull(two!);
  const [, layer] = three!.blobs;
  const bytes = await pullBlob(three!.repository, layer!);
  assert.equal(bytes.length, 100_000);
  assert.equal(fills.size, 1);
  assert.deepEqual(await here([layer!]), [false]);
  clock.nowMs += 60_000;
  await evict();
  await until(() => fills.size === 0);
  assert.deepEqual(await here([layer!]), [true]);
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
});
