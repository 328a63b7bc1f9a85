// A deletion that the store or the index has interrupted comes to its end, and until then everything counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { graceMs, startFullCache } from '../testing/start-full-cache.ts';

const all = [true, true, true];
const none = [false, false, false];

test('a deletion whose end the index does not hear of is ended as soon as it does', async (t) => {
  let isDeaf = false;
  const { addImage, pull, step, recount, clock, here } = await startFullCache(t, {
    highBytes: 150_000,
    lowBytes: 140_000,
    wrapIndex: (index) => ({
      ...index,
      fills: {
        ...index.fills,
        async endDeletion(digest, owner) {
          if (isDeaf) throw new CacheError('index-unavailable', 'Redis did not answer in time.');
          return index.fills.endDeletion(digest, owner);
        },
      },
    }),
  });
  const [one, two] = [1, 2].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  await pull(one!);
  await pull(two!);
  await step();
  clock.nowMs += graceMs;
  isDeaf = true;
  await assert.rejects(step(), (error) => isCacheError(error, 'index-unavailable'));
  assert.equal((await here([one!.manifest]))[0], false);
  isDeaf = false;
  // There is room enough by now.
  await step();
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
});

test('what a store does not remove counts, is fetched from by nobody, and goes when the store is back', async (t) => {
  let isDown = false;
  const { addImage, pull, step, here, recount, clock } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    wrapStore: (store) => ({
      ...store,
      async remove(digest) {
        if (isDown) throw new CacheError('store-unavailable', 'The store removes nothing.');
        return store.remove(digest);
      },
    }),
  });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  await step();
  clock.nowMs += graceMs;
  isDown = true;
  await assert.rejects(step(), (error) => isCacheError(error, 'store-unavailable'));
  assert.deepEqual(await here(image.digests), all);
  let { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
  isDown = false;
  clock.nowMs += 60_000;
  await step();
  clock.nowMs += graceMs;
  await step();
  assert.deepEqual(await here(image.digests), none);
  ({ counted, totals } = await recount());
  assert.deepEqual([totals, counted.blobs], [counted, 0]);
});
