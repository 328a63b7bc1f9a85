import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, parseReference } from '@cistern/oci';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { bytesOf } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const ociImage = 'application/vnd.oci.image.manifest.v1+json';
const latest = { ...library, reference: parseReference('latest') };

function imageManifest(seed: number): Buffer {
  const layer = bytesOf(64, seed);
  const config = bytesOf(32, seed + 1);
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociImage,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(layer), size: layer.length }],
    }),
  );
}

const isUnknown = (error: unknown) => isCacheError(error, 'manifest-unknown');

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

test('a tag that is not cached costs one GET, a fresh tag nothing, and a due tag one HEAD', async (t) => {
  const { cache, hub, clock } = await startCache(t);
  const bytes = imageManifest(1);
  const digest = hub.addManifest('library/nginx', 'latest', bytes, ociImage);
  const cold = await cache.openManifest(latest);
  assert.deepEqual([cold.cache, cold.digest, cold.mediaType, cold.size], ['MISS', digest, ociImage, bytes.length]);
  assert.ok(cold.bytes.equals(bytes));
  clock.nowMs += 59_000;
  const warm = await cache.openManifest(latest);
  assert.deepEqual([warm.cache, warm.ageMs], ['HIT', 59_000]);
  clock.nowMs += 2_000;
  const confirmed = await cache.openManifest(latest);
  assert.deepEqual([confirmed.cache, confirmed.ageMs], ['REVALIDATED', 0]);
  assert.deepEqual(hub.calls, ['get-manifest', 'head-manifest']);
});

test('a HEAD of a tag that is not cached costs one HEAD, and the GET by digest after it one GET', async (t) => {
  const { cache, hub } = await startCache(t);
  const digest = hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  const head = await cache.statManifest(latest);
  assert.deepEqual([head.cache, head.digest, head.mediaType], ['MISS', digest, ociImage]);
  const byDigest = { ...library, reference: parseReference(digest) };
  assert.equal((await cache.openManifest(byDigest)).cache, 'MISS');
  const warm = await cache.statManifest(byDigest);
  assert.deepEqual([warm.cache, warm.mediaType, warm.size], ['HIT', ociImage, imageManifest(1).length]);
  assert.deepEqual(hub.calls, ['head-manifest', 'get-manifest']);
});

test('a moved tag is served as before until its TTL ends, and updated immediately by a forced revalidation', async (t) => {
  const { cache, hub } = await startCache(t);
  hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  await cache.openManifest(latest);
  const moved = hub.addManifest('library/nginx', 'latest', imageManifest(50), ociImage);
  assert.notEqual((await cache.openManifest(latest)).digest, moved);
  const forced = await cache.openManifest({ ...latest, forceRevalidation: true });
  assert.deepEqual([forced.digest, forced.cache], [moved, 'MISS']);
});

test('while upstream is down, a cached tag is served stale and an unknown tag fails', async (t) => {
  const { cache, hub, clock } = await startCache(t);
  hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  await cache.openManifest(latest);
  clock.nowMs += 3_600_000;
  hub.script.down = new CacheError('upstream-unreachable', 'down');
  assert.equal((await cache.openManifest(latest)).cache, 'STALE');
  assert.equal((await cache.statManifest(latest)).cache, 'STALE');
  assert.equal(hub.calls.length, 2, 'a failed try is not repeated for every request');
  await assert.rejects(
    () => cache.openManifest({ ...library, reference: parseReference('other') }),
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
  hub.script.down = undefined;
  clock.nowMs += 11_000;
  assert.equal((await cache.openManifest(latest)).cache, 'REVALIDATED');
});

test('concurrent requests for a tag that is not cached share one upstream request', async (t) => {
  const { cache, hub } = await startCache(t);
  hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  const results = await Promise.all(Array.from({ length: 50 }, () => cache.openManifest(latest)));
  assert.deepEqual(hub.calls, ['get-manifest']);
  assert.deepEqual([...new Set(results.map(({ cache: result }) => result))].sort(), ['JOINED', 'MISS']);
});

test('a missing tag is remembered for two seconds, except for a forced revalidation', async (t) => {
  const { cache, hub, clock } = await startCache(t);
  await assert.rejects(() => cache.openManifest(latest), isUnknown);
  await assert.rejects(() => cache.openManifest(latest), isUnknown);
  assert.equal(hub.calls.length, 1);
  hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  assert.equal((await cache.openManifest({ ...latest, forceRevalidation: true })).cache, 'MISS');
  clock.nowMs += 2_001;
  assert.equal((await cache.openManifest(latest)).cache, 'HIT');
});

test('a manifest with another digest than requested is rejected and not stored', async (t) => {
  const { cache, hub, store } = await startCache(t);
  const digest = digestOf(imageManifest(1));
  const real = hub.getManifest.bind(hub);
  hub.addManifest('library/nginx', 'latest', imageManifest(2), ociImage);
  hub.getManifest = async (repository) => ({ ...(await real(repository, parseReference('latest'))), digest });
  for (const reference of [parseReference(digest), parseReference('latest')])
    await assert.rejects(
      () => cache.openManifest({ ...library, reference }),
      (error) => isCacheError(error, 'content-mismatch'),
    );
  assert.equal(await store.stat(digest), undefined);
});

test('a manifest that was rejected by GET for its size is rejected by HEAD too', async (t) => {
  const { cache, hub } = await startCache(t);
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', size: 1 };
  const layers = Array.from({ length: 2_001 }, (_, at) => ({ ...layer, digest: digestOf(bytesOf(8, at)) }));
  const manifest = { ...(JSON.parse(String(imageManifest(1))) as object), layers };
  hub.addManifest('library/nginx', 'latest', Buffer.from(JSON.stringify(manifest)), ociImage);
  for (const open of [cache.openManifest, cache.statManifest])
    await assert.rejects(
      () => open(latest),
      (error) => isCacheError(error, 'content-mismatch') && /2000/.test(error.message),
    );
  assert.deepEqual(hub.calls, ['get-manifest', 'head-manifest']);
});

test('a HEAD response without a digest causes a GET', async (t) => {
  const { cache, hub } = await startCache(t);
  const digest = hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  hub.script.headOmitsFacts = true;
  assert.equal((await cache.statManifest(latest)).digest, digest);
  assert.deepEqual(hub.calls, ['head-manifest', 'get-manifest']);
});

test('a manifest fetched for one repository is served to another only after a HEAD, and is not fetched twice', async (t) => {
  const { cache, hub } = await startCache(t);
  const bytes = imageManifest(1);
  const digest = hub.addManifest('library/nginx', 'latest', bytes, ociImage);
  await cache.openManifest(latest);
  const other = repositoryOf('docker.io', 'someone/copy');
  const request = { ...other, reference: parseReference(digest) };
  await assert.rejects(
    () => cache.openManifest(request),
    (error) => isCacheError(error, 'manifest-unknown'),
  );
  assert.deepEqual(hub.calls, ['get-manifest', 'head-manifest']);
  hub.addManifest('someone/copy2', undefined, bytes, ociImage);
  const held = await cache.openManifest({
    ...repositoryOf('docker.io', 'someone/copy2'),
    reference: parseReference(digest),
  });
  assert.ok(held.bytes.equals(bytes));
  assert.equal(hub.calls.filter((call) => call === 'get-manifest').length, 1);
});

test('a blob that a pulled manifest lists is confirmed once with upstream', async (t) => {
  const { cache, hub } = await startCache(t);
  hub.addManifest('library/nginx', 'latest', imageManifest(1), ociImage);
  const layer = hub.addBlob('library/nginx', bytesOf(64, 1));
  await cache.openManifest(latest);
  for (let tries = 0; tries < 2; tries += 1)
    assert.equal((await cache.openBlob({ ...library, digest: layer, intent: 'stat' })).size, 64);
  assert.deepEqual(hub.calls, ['get-manifest', 'head-blob']);
});

test('an empty index gets tags and links from the store, and serves them while upstream is down', async (t) => {
  const { cache, hub, store, index, clock } = await startCache(t);
  const bytes = imageManifest(1);
  const digest = hub.addManifest('library/nginx', 'latest', bytes, ociImage);
  await cache.openManifest(latest);
  const tagKey = { ...library, tag: latest.reference.kind === 'tag' ? latest.reference.tag : assert.fail() };
  await index.tags.remove(tagKey);
  await index.links.remove(library, digest);
  await index.manifests.remove(digest);
  assert.ok((await store.stat(digest)) !== undefined);
  hub.script.down = new CacheError('upstream-unreachable', 'down');
  const served = await cache.openManifest(latest);
  assert.deepEqual([served.cache, served.digest], ['STALE', digest]);
  assert.ok(served.bytes.equals(bytes));
  hub.script.down = undefined;
  clock.nowMs += 60_000;
  assert.equal((await cache.openManifest(latest)).cache, 'REVALIDATED');
});

test('tags, manifests and blobs of a registry:2 cache in the store are served while upstream is down', async (t) => {
  const { cache, hub, store } = await startCache(t, { adoptAs: 'docker.io' });
  const bytes = imageManifest(1);
  const digest = digestOf(bytes);
  const root = 'docker/registry/v2/repositories/library/nginx';
  await putBytes(store, digest, bytes);
  await store.writeObject(`${root}/_manifests/tags/latest/current/link`, Buffer.from(digest));
  await store.writeObject(`${root}/_manifests/revisions/sha256/${digest.slice(7)}/link`, Buffer.from(digest));
  hub.script.down = new CacheError('upstream-unreachable', 'down');
  const head = await cache.statManifest(latest);
  assert.deepEqual([head.digest, head.mediaType, head.size, head.cache], [digest, ociImage, bytes.length, 'STALE']);
  assert.ok((await cache.openManifest(latest)).bytes.equals(bytes));
  const elsewhere = { ...latest, upstream: 'quay.io' };
  await assert.rejects(
    () => cache.openManifest(elsewhere),
    (error) => isCacheError(error, 'manifest-unknown'),
  );
});

test('a signed schema 1 manifest has the digest of its signed content, or that of its bytes', async (t) => {
  const { cache, hub, store } = await startCache(t);
  const schema1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
  const signed = `{"schemaVersion":1,"fsLayers":[{"blobSum":"${digestOf(bytesOf(9))}"}]}`;
  const part = { formatLength: signed.length - 1, formatTail: Buffer.from('}').toString('base64url') };
  const encoded = Buffer.from(JSON.stringify(part)).toString('base64url');
  const bytes = Buffer.from(`${signed.slice(0, -1)},"signatures":[{"protected":"${encoded}"}]}`);
  const announced = digestOf(Buffer.from(signed));
  const real = hub.getManifest.bind(hub);
  for (const [tag, digest, expected] of [
    ['signed', announced, announced],
    ['other', digestOf(bytesOf(3)), digestOf(bytes)],
  ] as const) {
    hub.addManifest('library/nginx', tag, bytes, schema1);
    hub.getManifest = async (...given) => ({ ...(await real(...given)), digest });
    const reference = { ...library, reference: parseReference(tag) };
    const head = await cache.statManifest(reference);
    const got = await cache.openManifest(reference);
    assert.deepEqual([head.digest, got.digest, got.mediaType], [expected, expected, schema1]);
    assert.ok(got.bytes.equals(bytes));
    assert.ok(await store.stat(expected));
  }
  const byDigest = await cache.openManifest({ ...library, reference: parseReference(announced) });
  assert.ok(byDigest.bytes.equals(bytes));
});

test('a response that is not a manifest is rejected as content-mismatch and not stored', async (t) => {
  const { cache, hub, store } = await startCache(t);
  const digest = hub.addManifest('library/nginx', 'latest', Buffer.from('<html>maintenance</html>'), ociImage);
  for (const reference of [latest.reference, parseReference(digest)])
    await assert.rejects(
      () => cache.openManifest({ ...library, reference }),
      (error) => isCacheError(error, 'content-mismatch'),
    );
  assert.equal(await store.stat(digest), undefined);
});
