// Tests which blobs a full store evicts, and which stay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepositoryName } from '@cistern/oci';
import { inUseMs, startFullCache } from '../testing/start-full-cache.ts';
import { until } from '@cistern/runtime/testing';

const nothing = async () => {};
const all = [true, true, true];
const none = [false, false, false];

test('eviction starts above the high watermark and removes the least recently pulled blobs down to the low one', async (t) => {
  const { addImage, pull, evict, here, recount, metrics } = await startFullCache(t, {
    highBytes: 350_000,
    lowBytes: 250_000,
  });
  const images = [1, 2, 3, 4].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  for (const image of images.slice(0, 3)) await pull(image);
  await evict();
  for (const { digests } of images.slice(0, 3)) assert.deepEqual(await here(digests), all);
  await pull(images[3]!);
  await evict();
  for (const { digests } of images.slice(0, 2)) assert.deepEqual(await here(digests), none);
  for (const { digests } of images.slice(2)) assert.deepEqual(await here(digests), all);
  const { counted, totals, strangers } = await recount();
  assert.deepEqual(totals, counted);
  assert.deepEqual(strangers, []);
  const text = await metrics.registry.metrics();
  assert.match(text, /cistern_evictions_total\{reason="space"\} 6/);
  assert.match(
    text,
    new RegExp(`cistern_evicted_bytes_total\\{reason="space"\\} ${images[0]!.size + images[1]!.size}`),
  );
});

test('an evicted blob is fetched again on request, though its manifest may still be in memory', async (t) => {
  const { addImage, pull, check, evict, here, hub, clock } = await startFullCache(t, {
    highBytes: 150_000,
    lowBytes: 110_000,
  });
  const [one, two] = [1, 2].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  await pull(one!);
  await pull(two!);
  await evict();
  assert.deepEqual(await here(one!.digests), none);
  await pull(one!);
  assert.deepEqual(await here(one!.digests), [false, true, true]);
  clock.nowMs += 60_000;
  await check(one!);
  await pull(one!);
  assert.deepEqual(await here(one!.digests), all);
  assert.equal(hub.gets.filter(({ digest }) => digest === one!.blobs[1]).length, 2);
});

test('a blob pulled within two minutes stays, unless the store is above its high watermark', async (t) => {
  const { addImage, pull, evict, here } = await startFullCache(t, { highBytes: 250_000, lowBytes: 110_000 });
  const images = [1, 2, 3].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  for (const image of images) await pull(image);
  const layers = images.map(({ blobs }) => blobs[1]!);
  for (const afterMs of [0, 60_000]) {
    await evict(afterMs);
    assert.deepEqual(await here(layers), [false, true, true]);
  }
  await evict(60_000);
  assert.deepEqual(await here(layers), [false, false, true]);
});

test('a blob that was just pulled stays, however full the store is', async (t) => {
  const { addImage, pull, evict, here } = await startFullCache(t, { highBytes: 50_000, lowBytes: 10_000 });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  await evict(4_900);
  assert.equal((await here(image.blobs))[1], true);
  await evict(100);
  assert.deepEqual(await here(image.digests), none);
});

test('a victim that is pulled after it was chosen stays, and another one is evicted instead', async (t) => {
  let onChosen = nothing;
  const { addImage, pull, pullBlob, evict, here } = await startFullCache(t, {
    highBytes: 150_000,
    lowBytes: 110_000,
    wrapIndex: (index) => ({
      ...index,
      fills: {
        ...index.fills,
        async beginDeletions(...given) {
          await onChosen();
          onChosen = nothing;
          return index.fills.beginDeletions(...given);
        },
      },
    }),
  });
  const [one, two] = [1, 2].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  await pull(one!);
  await pull(two!);
  onChosen = async () => void (await pullBlob(one!.repository, one!.blobs[1]!));
  await evict();
  assert.deepEqual(await here([one!.blobs[1]!, two!.blobs[1]!]), [true, true]);
  await evict(1_000);
  assert.deepEqual(await here([one!.blobs[1]!, two!.blobs[1]!]), [true, false]);
});

test('the read of a slow client touches its blob each minute and prevents eviction', async (t) => {
  const { addImage, pull, evict, here, cache, index, clock } = await startFullCache(t, {
    highBytes: 9_000_000,
    lowBytes: 8_000_000,
  });
  const [one, two] = [1, 2].map((seed) => addImage(`image/${seed}`, 'latest', [seed], 8_000_000));
  await pull(one!);
  const digest = one!.blobs[1]!;
  const key = { upstream: 'docker.io', repository: parseRepositoryName(one!.repository) };
  const reading = await (await cache.openBlob({ ...key, digest, intent: 'whole' })).read();
  let length = (await reading.next())!.length;
  await pull(two!);
  clock.nowMs += 300_000;
  await until(async () => (await index.blobs.get(digest))!.lastPulledAtMs === clock.nowMs);
  await evict(60_000);
  assert.deepEqual(await here([digest]), [true]);
  for (let chunk = await reading.next(); chunk !== undefined; chunk = await reading.next()) length += chunk.length;
  assert.equal(length, 8_000_000);
  reading.close();
});

test('a manifest is evicted before its blobs, even if clients have long requested only the manifest', async (t) => {
  const { addImage, pull, check, evict, here, clock, store } = await startFullCache(t, {
    highBytes: 350_000,
    lowBytes: 50_000,
  });
  const images = [1, 2, 3].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  for (const image of images) await pull(image);
  // Only the manifest of the first image is requested. Its image is evicted last and stays whole until then.
  clock.nowMs += 120_000;
  await check(images[0]!);
  clock.nowMs += 120_000;
  const removeAll = store.removeAll.bind(store);
  const removed: string[] = [];
  Object.assign(store, {
    removeAll: (digests: (typeof images)[0]['digests']) => {
      removed.push(...digests);
      return removeAll(digests);
    },
  });
  await pull(addImage('image/4', 'latest', [4]));
  await evict();
  assert.deepEqual(await here(images[1]!.digests), none);
  assert.deepEqual(await here(images[0]!.digests), none);
  for (const { manifest, blobs } of images)
    for (const blob of blobs) assert.ok(removed.indexOf(manifest) < removed.indexOf(blob));
  assert.ok(removed.indexOf(images[0]!.blobs[1]!) > removed.indexOf(images[2]!.blobs[1]!));
});

test('a layer shared by two repositories stays and is served while one of them is in use', async (t) => {
  const { addImage, pull, check, evict, here, clock, hub, cache, pullBlob } = await startFullCache(t, {
    highBytes: 350_000,
    lowBytes: 320_000,
  });
  const [forgotten, wanted, last] = [
    addImage('image/forgotten', 'latest', [9, 1]),
    addImage('image/wanted', 'latest', [9, 2]),
    addImage('image/last', 'latest', [3]),
  ];
  await pull(wanted);
  await pull(forgotten);
  clock.nowMs += 120_000;
  await check(wanted);
  await pull(last);
  await evict();
  assert.deepEqual(await here([forgotten.manifest, forgotten.blobs[2]!]), [false, false]);
  assert.deepEqual(await here(wanted.digests), [...all, true]);
  const gets = hub.gets.length;
  const key = { upstream: 'docker.io', repository: parseRepositoryName(wanted.repository) };
  await cache.openManifest({ ...key, reference: { kind: 'digest', digest: wanted.manifest } });
  for (const blob of wanted.blobs) assert.ok((await pullBlob(wanted.repository, blob)).length > 0);
  assert.equal(hub.gets.length, gets);
});

test('a blob that clients may read directly from the store stays while their URLs are valid', async (t) => {
  const { addImage, pull, evict, here, clock } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    spareMs: 1_200_000,
  });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  await evict();
  assert.deepEqual(await here(image.digests), all);
  clock.nowMs += 1_200_000;
  await evict();
  assert.deepEqual(await here(image.digests), none);
});

test('nothing is evicted while the index is incomplete', async (t) => {
  let isComplete = false;
  const { addImage, pull, evict, here } = await startFullCache(t, {
    highBytes: 50_000,
    lowBytes: 10_000,
    wrapIndex: (index) => ({ ...index, epoch: { ...index.epoch, isComplete: async () => isComplete } }),
  });
  const image = addImage('image/1', 'latest', [1]);
  await pull(image);
  await evict();
  assert.deepEqual(await here(image.digests), all);
  isComplete = true;
  await evict();
  assert.deepEqual(await here(image.digests), none);
});

test('two evictors at the same time do the work of one', async (t) => {
  const removed: string[] = [];
  const { addImage, pull, openEviction, here, recount, clock } = await startFullCache(t, {
    highBytes: 250_000,
    lowBytes: 150_000,
    wrapStore: (store) => ({
      ...store,
      removeAll(digests) {
        removed.push(...digests);
        return store.removeAll(digests);
      },
    }),
  });
  const images = [1, 2, 3].map((seed) => addImage(`image/${seed}`, 'latest', [seed]));
  for (const image of images) await pull(image);
  const { signal } = new AbortController();
  const evictors = [openEviction(), openEviction()];
  clock.nowMs += inUseMs;
  await Promise.all(evictors.map((eviction) => eviction.step(signal)));
  assert.equal(new Set(removed).size, removed.length);
  assert.deepEqual(await here(images[2]!.digests), all);
  const { counted, totals } = await recount();
  assert.deepEqual(totals, counted);
  assert.deepEqual(removed.toSorted(), [...images[0]!.digests, ...images[1]!.digests].toSorted());
});
