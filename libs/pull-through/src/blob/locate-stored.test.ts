import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BlobStore, putBytes } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const bytes = bytesOf(200_000);
const digest = digestOf(bytes);

async function startCache(t: TestContext, options: TestCacheOptions = { presignForMs: 60_000 }) {
  const script = { failing: false };
  const signed: unknown[] = [];
  const wrapStore = (store: BlobStore): BlobStore => ({
    ...store,
    async stat(given) {
      if (script.failing) throw new CacheError('store-unavailable', 'The store fails.');
      return store.stat(given);
    },
    async presign(...given) {
      signed.push(given);
      return 'https://store.example/signed';
    },
  });
  const started = await startTestCache({ ...options, wrapStore });
  t.after(() => started.close());
  const open = () => started.cache.openBlob({ ...library, digest, intent: 'whole' });
  return { ...started, script, signed, open };
}

test('a client gets a URL of the store once the blob is stored and verified', async (t) => {
  const { hub, open, signed, index } = await startCache(t);
  hub.addBlob(library.repository, bytes);
  const cold = await open();
  assert.equal(cold.locate, undefined);
  await collect(await cold.read());
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  const warm = await open();
  assert.equal(await warm.locate?.(), 'https://store.example/signed');
  assert.deepEqual(signed, [[digest, { expiresMs: 60_000 }]]);
});

test('the first read of a blob from another cache gets no URL, and verifies the blob', async (t) => {
  const { hub, open, store, index } = await startCache(t);
  hub.addBlob(library.repository, bytes);
  await putBytes(store, digest, bytes);
  const adopted = await open();
  assert.equal(adopted.cache, 'HIT');
  assert.equal(adopted.locate, undefined);
  await collect(await adopted.read());
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  assert.ok((await open()).locate);
});

test('a client gets no URL for a missing blob, a blob of another size, or while the store is unavailable', async (t) => {
  const { hub, open, store, script, index, signed } = await startCache(t);
  hub.addBlob(library.repository, bytes);
  await collect(await (await open()).read());
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  script.failing = true;
  assert.equal(await (await open()).locate?.(), undefined);
  script.failing = false;
  await store.remove(digest);
  const gone = await open();
  assert.equal(await gone.locate?.(), undefined);
  assert.ok((await collect(await gone.read())).equals(bytes), 'the blob is fetched again');
  assert.deepEqual(signed, []);
});

test('clients get no URLs unless a validity is configured', async (t) => {
  const { hub, open, index } = await startCache(t, {});
  hub.addBlob(library.repository, bytes);
  await collect(await (await open()).read());
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  assert.equal((await open()).locate, undefined);
});
