import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const everywhere = () => ({});
const stranger = repositoryOf('docker.io', 'someone/private');

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

test('a stored blob is served to another repository only once upstream confirms that it holds the blob', async (t) => {
  const { cache, hub } = await startCache(t);
  const bytes = bytesOf(200_000);
  const digest = hub.addBlob(library.repository, bytes);
  const first = await cache.openBlob({ ...library, digest, intent: 'whole' });
  await collect(await first.read());
  await assert.rejects(
    () => cache.openBlob({ ...stranger, digest, intent: 'whole' }),
    (error) => isCacheError(error, 'blob-unknown'),
  );
  hub.addBlob(stranger.repository, bytes);
  await new Promise((resolve) => setTimeout(resolve, 1));
  const { cache: again } = await cache
    .openBlob({ ...stranger, digest, intent: 'whole' })
    .catch(() => ({ cache: 'refused' }));
  assert.equal(again, 'refused', 'the refusal was not remembered');
});

test('an unauthorized repository cannot join a fill of another repository', async (t) => {
  const { cache, hub } = await startCache(t);
  const bytes = bytesOf(500_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(100_000);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const reading = blob.read().then(collect);
  await assert.rejects(
    () => cache.openBlob({ ...stranger, digest, intent: 'whole' }),
    (error) => isCacheError(error, 'blob-unknown'),
  );
  hub.allow(bytes.length);
  assert.ok((await reading).equals(bytes));
});

test('a refusal for one repository does not fail another that waits for the same digest', async (t) => {
  const { cache, hub } = await startCache(t);
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const opened = await Promise.allSettled([
    cache.openBlob({ ...stranger, digest, intent: 'whole' }),
    cache.openBlob({ ...library, digest, intent: 'whole' }).then((blob) => blob.read().then(collect)),
  ]);
  assert.equal(opened[0].status, 'rejected');
  assert.equal(opened[1].status, 'fulfilled');
});

test('a HEAD of a blob that is not cached sends only a HEAD to upstream', async (t) => {
  const { cache, hub } = await startCache(t);
  const digest = hub.addBlob(library.repository, bytesOf(1000));
  const blob = await cache.openBlob({ ...library, digest, intent: 'stat' });
  assert.deepEqual([blob.size, blob.cache], [1000, 'MISS']);
  assert.deepEqual(hub.calls, ['head-blob']);
});

test('the second of two concurrent readers is joined', async (t) => {
  const { cache, hub } = await startCache(t);
  const digest = hub.addBlob(library.repository, bytesOf(1_000_000));
  hub.script.gated = true;
  hub.allow(500_000);
  const first = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const second = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.deepEqual([first.cache, second.cache], ['MISS', 'JOINED']);
  hub.allow(500_000);
  await until(async () => (await cache.openBlob({ ...library, digest, intent: 'stat' })).cache === 'HIT');
});

test('a caller finds a digest under the same name at another upstream where it may pull', async (t) => {
  const { cache, hub, quay } = await startCache(t);
  const bytes = bytesOf(50_000);
  const digest = quay.addBlob(library.repository, bytes);
  await cache.openBlob({ ...library, upstream: 'quay.io', digest, intent: 'stat' });
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole', permissionAt: everywhere });
  assert.ok((await collect(await blob.read())).equals(bytes));
  assert.deepEqual(hub.calls, []);
});

test('a blob that is missing in the store is fetched again', async (t) => {
  const { cache, hub, store } = await startCache(t);
  const bytes = bytesOf(400_000);
  const digest = hub.addBlob(library.repository, bytes);
  await collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read());
  await until(async () => (await store.stat(digest)) !== undefined);
  await store.remove(digest);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  assert.equal(hub.gets.length, 2);
});

test('an adopted blob is hashed by its first full read; wrong bytes are removed and fetched again', async (t) => {
  const { cache, hub, store, index } = await startCache(t);
  const bytes = bytesOf(700_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  const wrong = Buffer.from(bytes);
  wrong[5] = wrong[5]! ^ 1;
  await putBytes(store, digest, wrong);
  await assert.rejects(
    async () => collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read()),
    (error) => isCacheError(error, 'content-mismatch'),
  );
  const healed = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await healed.read())).equals(bytes));
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  assert.equal(hub.gets.length, 1);
});

test('an adopted blob with the right bytes is verified once', async (t) => {
  const { cache, hub, store, index } = await startCache(t, { adoptAs: 'docker.io' });
  const bytes = bytesOf(700_000);
  const digest = digestOf(bytes);
  await putBytes(store, digest, bytes);
  const hex = digest.slice(7);
  await store.writeObject(
    `docker/registry/v2/repositories/library/nginx/_layers/sha256/${hex}/link`,
    Buffer.from(digest),
  );
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.equal(blob.cache, 'HIT');
  assert.ok((await collect(await blob.read())).equals(bytes));
  assert.equal((await index.blobs.get(digest))?.verified, true);
  assert.deepEqual(hub.calls, []);
});

test('a reader gets the kind of an upstream failure, and the next request tries again', async (t) => {
  const { cache, hub } = await startCache(t);
  const bytes = bytesOf(1000);
  const digest = hub.addBlob(library.repository, bytes);
  for (const kind of ['upstream-rate-limited', 'upstream-unreachable', 'denied', 'upstream-refused-us'] as const) {
    hub.script.down = new CacheError(kind, 'no', { retryAfterMs: 1500 });
    await assert.rejects(
      () => cache.openBlob({ ...library, digest, intent: 'whole' }),
      (error) => isCacheError(error, kind) && error.retryAfterMs === 1500,
    );
  }
  hub.script.down = undefined;
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});
