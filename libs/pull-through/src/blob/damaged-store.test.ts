// Stored blobs may be truncated, wrong or missing. No client gets such bytes as the blob, and the cache fetches the blob again.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const other = repositoryOf('docker.io', 'someone/other');

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

for (const store of ['memory', 'fs'] as const)
  test(`a truncated stored blob is fetched again, for the whole and for a range (${store})`, async (t) => {
    const { cache, hub, index, store: blobs } = await startCache(t, { store });
    for (const intent of ['whole', 'ranges'] as const) {
      const bytes = bytesOf(400_000, intent.length);
      const digest = hub.addBlob(library.repository, bytes);
      await collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read());
      await until(async () => (await index.blobs.get(digest)) !== undefined);
      await putBytes(blobs, digest, bytes.subarray(0, 1000));
      const blob = await cache.openBlob({ ...library, digest, intent });
      assert.deepEqual([blob.size, blob.cache], [bytes.length, 'HIT']);
      const range = { start: intent === 'whole' ? 0 : 300_000, end: bytes.length - 1 };
      const stream = await blob.read(range);
      assert.equal(stream.cache, 'MISS', 'the stored blob was not used');
      assert.ok((await collect(stream)).equals(bytes.subarray(range.start)));
      await until(async () => (await blobs.stat(digest))?.size === bytes.length);
    }
    assert.equal(hub.gets.filter(({ from }) => from === undefined).length, 4);
  });

test('a partial read detects wrong bytes that another cache left, and no client gets them', async (t) => {
  const { cache, hub, index, store } = await startCache(t);
  const bytes = bytesOf(6 * 1024 * 1024);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  const wrong = Buffer.from(bytes);
  wrong[5] = wrong[5]! ^ 1;
  await putBytes(store, digest, wrong);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const part = await blob.read({ start: 0, end: bytes.length - 2 });
  const [read, partRead] = await Promise.all([blob.read().then(collect), collect(part)]);
  assert.ok(read.equals(bytes));
  assert.ok(partRead.equals(bytes.subarray(0, -1)));
  assert.equal(hub.gets.length, 1);
});

test('a read to the end verifies the right bytes of another cache', async (t) => {
  const { cache, hub, index, store } = await startCache(t);
  const bytes = bytesOf(6 * 1024 * 1024);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  await putBytes(store, digest, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  assert.ok((await collect(await blob.read({ start: 1, end: bytes.length - 1 }))).equals(bytes.subarray(1)));
  assert.equal((await index.blobs.get(digest))?.verified, true);
  assert.equal(hub.gets.length, 0);
});

test('a verified blob stays although a repository reports another size', async (t) => {
  const { cache, hub, index, store } = await startCache(t);
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(other, [{ ...other, digest, kind: 'blob', size: 1000, mediaType: 'layer', confirmed: true }]);
  const lied = await cache.openBlob({ ...other, digest, intent: 'ranges' });
  await collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read());
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  await assert.rejects(
    async () => collect(await lied.read({ start: 0, end: 9 })),
    (error) => isCacheError(error, 'content-mismatch'),
  );
  assert.equal((await store.stat(digest))?.size, bytes.length);
  assert.equal(hub.gets.length, 1);
});

test('right bytes are served although the index cannot record that they are verified', async (t) => {
  const { cache, hub, index, store } = await startCache(t, {
    wrapIndex: (inner) => ({
      ...inner,
      blobs: {
        ...inner.blobs,
        async markVerified() {
          throw new CacheError('index-unavailable', 'down');
        },
      },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  await putBytes(store, digest, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test('a fill replaces a damaged file of its blob', async (t) => {
  const { cache, hub, index, store } = await startCache(t);
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const getting = Promise.withResolvers<void>();
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length, mediaType: 'layer' }]);
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  // distribution#2367 leaves such files. This file appears after the cache has checked the store.
  await putBytes(store, digest, Buffer.alloc(0));
  getting.resolve();
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(async () => (await store.stat(digest))?.size === bytes.length);
});

test('a file that another cache left is hashed before its size is sent, if its manifest has another size', async (t) => {
  const { cache, hub, index, store } = await startCache(t);
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const link = { ...library, digest, kind: 'blob', mediaType: 'layer' } as const;
  await index.links.put(library, [{ ...link, size: bytes.length }]);
  await putBytes(store, digest, bytes.subarray(0, 1000));
  const head = await cache.openBlob({ ...library, digest, intent: 'stat' });
  assert.deepEqual([head.size, head.cache], [bytes.length, 'MISS']);
  assert.equal(await store.stat(digest), undefined);
  // The file may be right and the manifest may have the wrong size.
  await putBytes(store, digest, bytes);
  await index.links.put(library, [{ ...link, size: 1000 }]);
  const right = await cache.openBlob({ ...library, digest, intent: 'stat' });
  assert.deepEqual([right.size, right.cache], [bytes.length, 'HIT']);
});
