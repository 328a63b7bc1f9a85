// Deletions that the store or the index interrupts complete later, and their bytes count until then. A blob that the
// store fails to remove does not stop other deletions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { startFullCache } from '../testing/start-full-cache.ts';

const all = [true, true, true];
const none = [false, false, false];
const refusal = new CacheError('store-unavailable', 'The store removes nothing.');

test('a deletion whose end the index did not record completes when the index recovers', async (t) => {
  let isDisconnected = false;
  let limits = { mostBytes: 150_000, highBytes: 150_000, lowBytes: 140_000 };
  const { addImage, pull, step, evict, recount, here } = await startFullCache(t, {
    highBytes: 0,
    lowBytes: 0,
    readLimits: async () => limits,
    wrapIndex: (index) => ({
      ...index,
      fills: {
        ...index.fills,
        async endDeletions(...given) {
          if (isDisconnected) throw new CacheError('index-unavailable', 'Redis did not answer in time.');
          return index.fills.endDeletions(...given);
        },
      },
    }),
  });
  const [one, two] = [1, 2].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  await pull(one!);
  await pull(two!);
  isDisconnected = true;
  await assert.rejects(evict(), (error) => isCacheError(error, 'index-unavailable'));
  assert.equal((await here([one!.manifest]))[0], false);
  isDisconnected = false;
  // There is enough space by now.
  limits = { mostBytes: Infinity, highBytes: Infinity, lowBytes: Infinity };
  await step();
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
});

test('blobs that the store does not remove still count, are not fetched, and are removed when it recovers', async (t) => {
  let isDown = false;
  const { addImage, pull, evict, here, recount } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    wrapStore: (store) => ({
      ...store,
      async removeAll(digests) {
        if (isDown) throw refusal;
        return store.removeAll(digests);
      },
    }),
  });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  isDown = true;
  await assert.rejects(evict(), (error) => isCacheError(error, 'store-unavailable'));
  assert.deepEqual(await here(image.digests), all);
  let { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
  isDown = false;
  await evict();
  assert.deepEqual(await here(image.digests), none);
  ({ counted, totals } = await recount());
  assert.deepEqual([totals, counted.blobs], [counted, 0]);
});

test('one blob that the store does not remove stops no other, is served, and is retried later', async (t) => {
  const stuck = new Set<Digest>();
  const tries: Digest[] = [];
  const { addImage, pull, pullBlob, evict, here, recount, metrics, lines, hub } = await startFullCache(t, {
    highBytes: 250_000,
    lowBytes: 150_000,
    wrapStore: (store) => ({
      ...store,
      async removeAll(digests) {
        tries.push(...digests);
        await store.removeAll(digests.filter((digest) => !stuck.has(digest)));
        return new Map(digests.filter((digest) => stuck.has(digest)).map((digest) => [digest, refusal]));
      },
    }),
  });
  const images = [1, 2, 3].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  for (const image of images) await pull(image);
  const [one, two, three] = images;
  for (const digest of [one!.manifest, one!.blobs[1]!]) stuck.add(digest);
  for (let steps = 0; steps < 20; steps += 1) await evict(1_000);
  assert.deepEqual(await here(one!.digests), [true, false, true]);
  assert.deepEqual(await here([two!.blobs[1]!, three!.blobs[1]!]), [false, true], 'another one is evicted instead');
  assert.match(await metrics.registry.metrics(), /cistern_eviction_failures_total 2/);
  assert.equal(lines.filter((line) => line.includes('failed to delete blobs, will retry later')).length, 1);
  const gets = hub.gets.length;
  assert.equal((await pullBlob(one!.repository, one!.blobs[1]!)).length, 100_000);
  assert.equal(hub.gets.length, gets);
  const { counted, totals, strangers } = await recount();
  assert.deepEqual([totals, strangers], [counted, []]);
  tries.length = 0;
  stuck.clear();
  await pull(two!);
  await evict(20_000);
  assert.ok(!tries.includes(one!.manifest), 'it is spared for a minute');
  await evict(300_000);
  assert.deepEqual(await here(one!.digests), none);
});

test('an object that is missing after its failed removal is also removed from the index', async (t) => {
  const { addImage, pull, evict, here, recount } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    wrapStore: (store) => ({
      ...store,
      async removeAll(digests) {
        await store.removeAll(digests);
        return new Map(digests.map((digest) => [digest, refusal]));
      },
    }),
  });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  await evict();
  assert.deepEqual(await here(image.digests), none);
  const { counted, totals } = await recount();
  assert.deepEqual([totals, counted.blobs], [counted, 0]);
});

test('a worker that froze during a deletion does not remove a blob that another worker stored meanwhile', async (t) => {
  let freezes = false;
  const { addImage, pull, pullBlob, evict, here, index, recount, clock, hub } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    wrapIndex: (inner) => ({
      ...inner,
      manifests: {
        ...inner.manifests,
        async get(digest) {
          if (freezes) await new Promise((resolve) => setTimeout(resolve, 60_000));
          return inner.manifests.get(digest);
        },
      },
    }),
  });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  freezes = true;
  const evicting = evict();
  await until(async () => (await index.blobs.get(image.blobs[1]!))?.state === 'deleting');
  freezes = false;
  // The lease expires, and another worker takes over the fetch.
  clock.nowMs += 60_000;
  assert.equal((await pullBlob(image.repository, image.blobs[1]!)).length, 100_000);
  await evicting;
  assert.deepEqual(await here(image.digests), [false, false, true]);
  assert.equal(hub.gets.filter(({ digest }) => digest === image.blobs[1]).length, 1);
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
});
