// Tests eviction that keeps part of the disk free and makes space for waiting fetches.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { parseRepositoryName } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { startFullCache } from '../testing/start-full-cache.ts';
import { createReadLimits, wantRoom } from './eviction-limits.ts';
import { pinImage } from '@cistern/content';

const all = [true, true, true];
const none = [false, false, false];
const totalBytes = 1_000_000;

/**
 * Starts a cache on a disk of a megabyte. A tenth of it must stay free, and each image has a hundred thousand bytes.
 */
async function startOnDisk(t: TestContext, maxBytes = Infinity) {
  const others = { bytes: 0 };
  const held = { bytes: async () => 0 };
  const readLimits = createReadLimits(
    { maxBytes, highShare: 0.95, lowShare: 0.85, minFree: { share: 0.1, maxBytes: Infinity, shareOfLeft: 1 } },
    {
      store: {
        space: async () => ({ totalBytes, freeBytes: Math.max(0, totalBytes - others.bytes - (await held.bytes())) }),
      },
      log: createLogger({ level: 'info', formatter: 'json' }),
    },
  );
  const started = await startFullCache(t, { highBytes: 0, lowBytes: 0, readLimits });
  const { index, addImage, pull } = started;
  held.bytes = async () => (await index.blobs.totals()).bytes;
  const images = Array.from({ length: 7 }, (_, at) => addImage(`image/${at}`, 'latest', [at]));
  for (const image of images) await pull(image);
  return { ...started, images, others, freeBytes: async () => totalBytes - others.bytes - (await held.bytes()) };
}

test('other data on the disk evicts the oldest images first, and finally all but the pinned one', async (t) => {
  const { images, others, evict, here, store, freeBytes, metrics, clock } = await startOnDisk(t);
  const [pinned, oldest, , newest] = images;
  await pinImage(store, {
    upstream: 'docker.io',
    repository: parseRepositoryName(pinned!.repository),
    reference: { kind: 'tag', tag: pinned!.tag },
  });
  await evict();
  assert.deepEqual(await here(oldest!.digests), all);
  others.bytes = 300_000;
  await evict();
  assert.ok((await freeBytes()) >= 100_000);
  assert.deepEqual(await here(oldest!.digests), none);
  assert.deepEqual(await here(images.at(-1)!.digests), all);
  const text = await metrics.registry.metrics();
  assert.match(text, /^cistern_store_min_free_bytes 100000$/m);
  assert.match(text, /^cistern_store_free_bytes \d+$/m);
  // Each eviction frees only as much space as it removes.
  others.bytes = 850_000;
  for (let round = 0; round < 20; round += 1) {
    clock.nowMs += 60_000;
    await evict();
  }
  assert.deepEqual(await here(pinned!.digests), all);
  for (const { digests } of [newest!, images.at(-1)!]) assert.deepEqual(await here(digests), none);
});

test('eviction frees space for a waiting fetch immediately, and stops when no fetch waits', async (t) => {
  const { index, evict, step, freeBytes, images, here } = await startOnDisk(t);
  await wantRoom(index, 400_000);
  // The wanted bytes expire, because no waiting fetch repeats its report.
  await evict();
  assert.deepEqual(await here(images[0]!.digests), all);
  await wantRoom(index, 400_000);
  assert.equal(await step(), true);
  assert.ok((await freeBytes()) >= 500_000);
  await wantRoom(index, 0);
  const before = await freeBytes();
  await evict();
  assert.equal(await freeBytes(), before);
});

test('nothing is evicted for a fetch that cannot fit', async (t) => {
  const { index, step, images, here, store, clock } = await startOnDisk(t);
  for (const { repository, tag } of images.slice(1))
    await pinImage(store, {
      upstream: 'docker.io',
      repository: parseRepositoryName(repository),
      reference: { kind: 'tag', tag },
    });
  for (let round = 0; round < 3; round += 1) {
    await wantRoom(index, 800_000);
    assert.equal(await step(), true);
    clock.nowMs += 60_000;
  }
  assert.deepEqual(await here(images[0]!.digests), all);
});

test('the lower of maxbytes and the disk limit applies, also to a plan', async (t) => {
  const { plan, others, evict, index } = await startOnDisk(t, 600_000);
  assert.equal((await plan({})).downToBytes, 510_000);
  await evict();
  assert.ok((await index.blobs.totals()).bytes <= 510_000);
  others.bytes = 400_000;
  assert.equal((await plan({})).downToBytes, 425_000);
});
