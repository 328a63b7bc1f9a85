import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { parseReference, parseTag } from '@cistern/oci';
import { addSampleImage, type SampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { collect } from '@cistern/oci/testing';
import { prewarmTagKey } from './prewarm-tag.ts';
import { startPrewarmingCache, type PrewarmingCacheOptions } from './testing/start-prewarming-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const latest = { ...library, tag: parseTag('latest') };
const timeoutMs = 60_000;

async function startCache(t: TestContext, options: PrewarmingCacheOptions = {}) {
  const started = await startPrewarmingCache(options);
  t.after(() => started.close());
  const { cache, queue, index } = started;

  async function prewarm() {
    const jobOptions = { dedupKey: prewarmTagKey(latest), class: 'background', timeoutMs } as const;
    return queue.run('prewarm-tag', latest, jobOptions);
  }
  /** Pulls like docker. */
  async function pull(image: SampleImage, platform: string) {
    const results = [(await cache.statManifest({ ...library, reference: parseReference('latest') })).cache];
    const { manifest, blobs } = image.parts[platform]!;
    for (const digest of [image.digest, manifest])
      results.push((await cache.openManifest({ ...library, reference: parseReference(digest) })).cache);
    for (const digest of blobs) {
      const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
      await collect(await blob.read());
      results.push(blob.cache);
    }
    return results;
  }
  async function isCached(image: SampleImage, platform: string) {
    const records = await Promise.all(image.parts[platform]!.blobs.map((digest) => index.blobs.get(digest)));
    return records.every((record) => record?.verified === true);
  }
  return { ...started, prewarm, pull, isCached };
}

const platforms = ['linux/amd64', 'linux/arm64', 'linux/s390x'];

test('manifests and layers of a moved tag are cached before clients request them, for the platforms that they pull', async (t) => {
  const { hub, index, clock, prewarm, pull, isCached } = await startCache(t);
  const before = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1, platforms });
  await pull(before, 'linux/arm64');
  await pull(before, 'linux/amd64');
  clock.nowMs += 50_000;
  const after = addSampleImage(hub, 'library/nginx', 'latest', { seed: 11, platforms });
  assert.deepEqual(await prewarm(), { digest: after.digest, platforms: ['linux/amd64', 'linux/arm64'] });
  await until(async () => (await isCached(after, 'linux/amd64')) && (await isCached(after, 'linux/arm64')));
  const calls = hub.calls.length;
  for (const platform of ['linux/amd64', 'linux/arm64'])
    assert.deepEqual(await pull(after, platform), ['HIT', 'HIT', 'HIT', 'HIT', 'HIT']);
  assert.equal(hub.calls.length, calls);
  // No client pulls this platform.
  assert.equal(await index.links.get(library, after.parts['linux/s390x']!.blobs[1]!), undefined);
  assert.equal((await index.tags.get(latest))?.checkedAtMs, clock.nowMs);
});

test('an unchanged tag costs one HEAD', async (t) => {
  const { hub, prewarm, pull, isCached, index, queue } = await startCache(t);
  const image = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1 });
  await pull(image, 'linux/amd64');
  await prewarm();
  const blobs = { ...library, digest: image.digest, platforms: ['linux/amd64'] };
  await queue.run('prewarm-blobs', blobs, { dedupKey: 'again', class: 'background', timeoutMs });
  const calls = hub.calls.length;
  await prewarm();
  assert.deepEqual(hub.calls.slice(calls), ['head-manifest']);
  assert.ok(await isCached(image, 'linux/amd64'));
  assert.equal((await index.popularity.tags(1))[0]?.tag, 'latest');
});

test('the record of a moved tag stays unchanged if its manifest is not fetched because few pulls are left', async (t) => {
  const { hub, index, metrics, prewarm, pull, cache } = await startCache(t);
  const before = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1 });
  await pull(before, 'linux/amd64');
  addSampleImage(hub, 'library/nginx', 'latest', { seed: 11 });
  hub.script.onCall = (call) => {
    if (call === 'get-manifest') throw new CacheError('upstream-rate-limited', 'few pulls are left');
  };
  assert.equal((await prewarm()).failure?.kind, 'upstream-rate-limited');
  assert.equal((await index.tags.get(latest))?.digest, before.digest);
  assert.equal((await cache.openManifest({ ...library, reference: parseReference('latest') })).cache, 'HIT');
  const { values } = await metrics.prewarmedTags.get();
  assert.equal(values.find(({ labels }) => labels.result === 'spared')?.value, 1);
});

test('the bandwidth limit does not slow a blob that a client waits for', async (t) => {
  // At one byte a second the blob would never arrive.
  const prewarmPlan = { top: 0, images: [], bytesPerSecond: 1 };
  const { hub, fills, prewarm, pull, isCached } = await startCache(t, { prewarm: prewarmPlan });
  const image = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1 });
  await prewarm();
  await until(async () => [...fills.all()].some(({ presentBytes }) => presentBytes > 0));
  assert.equal(await isCached(image, 'linux/amd64'), false);
  await pull(image, 'linux/amd64');
  assert.ok(hub.gets.length <= 2, 'a blob was fetched twice');
});

test('prewarming takes at most half of the spool', async (t) => {
  const { hub, queue, spools, pull, isCached } = await startCache(t, { spoolBytes: 500_000 });
  const image = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1 });
  const blobs = { ...library, digest: image.digest, platforms: ['linux/amd64'] };
  const result = await queue.run('prewarm-blobs', blobs, { dedupKey: 'x', class: 'background', timeoutMs });
  assert.deepEqual([result.failure?.kind, hub.gets.length <= 1], ['too-large', true]);
  await until(() => spools.usedBytes === 0);
  await pull(image, 'linux/amd64');
  await until(() => isCached(image, 'linux/amd64'));
});

test('prewarming waits for spool space, and a client does not wait for prewarming', async (t) => {
  const { hub, queue, cache, spools, isCached } = await startCache(t, { spoolBytes: 700_000 });
  const image = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1 });
  const other = addSampleImage(hub, 'library/nginx', 'other', { seed: 21, layerBytes: 400_000 });
  const [, layer] = other.parts['linux/amd64']!.blobs;
  hub.script.gated = true;
  const opened = await cache.openBlob({ ...library, digest: layer!, intent: 'whole' });
  const reading = opened.read().then(collect);
  await until(async () => spools.usedBytes === 400_000);
  const blobs = { ...library, digest: image.digest, platforms: ['linux/amd64'] };
  const prewarmed = queue.run('prewarm-blobs', blobs, { dedupKey: 'x', class: 'background', timeoutMs });
  // The layer of 300,000 bytes has to wait, but not in the queue of clients.
  const third = addSampleImage(hub, 'library/nginx', 'third', { seed: 41, layerBytes: 250_000 });
  hub.allow(400_000);
  await reading;
  hub.script.gated = false;
  hub.allow(1_000_000);
  const read = await cache.openBlob({ ...library, digest: third.parts['linux/amd64']!.blobs[1]!, intent: 'whole' });
  assert.equal((await collect(await read.read())).length, 250_000);
  assert.equal((await prewarmed).failure, undefined);
  assert.ok(await isCached(image, 'linux/amd64'));
});
