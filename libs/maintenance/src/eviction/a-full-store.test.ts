// Tests fetches while the store is full.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '@cistern/runtime/testing';
import { startFullCache } from '../testing/start-full-cache.ts';

/** Stores two of three images, and leaves no space for the third. */
async function startAlmostFull(t: TestContext) {
  const started = await startFullCache(t, { highBytes: 150_000, lowBytes: 50_000, maxBytes: 220_000 });
  const [one, two, three] = [1, 2, 3].map((seed) => started.addImage(`image/${seed}`, 'latest', [seed]));
  await started.pull(one!);
  await started.pull(two!);
  return { ...started, three: three! };
}

test('a fetch into a full store serves its readers, and its blob is stored once there is space', async (t) => {
  const { three, pullBlob, evict, here, recount, fills } = await startAlmostFull(t);
  const [, layer] = three.blobs;
  const bytes = await pullBlob(three.repository, layer!);
  assert.equal(bytes.length, 100_000);
  assert.equal(fills.size, 1);
  assert.deepEqual(await here([layer!]), [false]);
  await evict();
  await until(() => fills.size === 0);
  assert.deepEqual(await here([layer!]), [true]);
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
});

test('a blob that does not fit is served whole but not stored, and the next request fetches it again', async (t) => {
  const { three, pullBlob, evict, here, recount, fills, hub } = await startAlmostFull(t);
  const [, layer] = three.blobs;
  for (const times of [1, 2]) {
    assert.equal((await pullBlob(three.repository, layer!)).length, 100_000);
    await until(() => fills.size === 0);
    assert.deepEqual(await here([layer!]), [false]);
    assert.equal(hub.gets.filter(({ digest }) => digest === layer).length, times);
    const { counted, totals } = await recount();
    assert.deepEqual(totals, counted);
  }
  await evict();
  // The store's size is checked a few times a second.
  await delay(500);
  assert.equal((await pullBlob(three.repository, layer!)).length, 100_000);
  await until(() => fills.size === 0);
  assert.deepEqual(await here([layer!]), [true]);
});

test('a blob that the store rejects immediately is kept for a moment', async (t) => {
  const { three, pullBlob, here, fills, hub } = await startAlmostFull(t);
  const [, layer] = three.blobs;
  const gets = () => hub.gets.filter(({ digest }) => digest === layer).length;
  await pullBlob(three.repository, layer!);
  await until(() => fills.size === 0);
  // For a while no other fill waits for space.
  for (let clients = 0; clients < 3; clients += 1) {
    assert.equal((await pullBlob(three.repository, layer!)).length, 100_000);
    await delay(1_000);
  }
  assert.equal(gets(), 2);
  await until(() => fills.size === 0);
  assert.deepEqual(await here([layer!]), [false]);
});
