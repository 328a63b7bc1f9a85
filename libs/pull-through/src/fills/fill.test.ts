import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const mebibyte = 1024 * 1024;

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  const pull = async (digest: Digest, range?: { start: number; end: number }) => {
    const blob = await started.cache.openBlob({ ...library, digest, intent: range === undefined ? 'whole' : 'ranges' });
    return collect(await blob.read(range));
  };
  return { ...started, pull };
}

for (const store of ['memory', 'fs'] as const) {
  test(`a hundred readers of a blob that is not cached cause one GET and get the bytes (${store})`, async (t) => {
    const { hub, cache, index, pull, spools, metrics } = await startCache(t, { store });
    const bytes = bytesOf(mebibyte + 3);
    const digest = hub.addBlob(library.repository, bytes);
    const bodies = await Promise.all(Array.from({ length: 100 }, () => pull(digest)));
    for (const body of bodies) assert.ok(body.equals(bytes));
    assert.equal(hub.gets.length, 1);
    await until(async () => (await index.blobs.get(digest)) !== undefined);
    const again = await cache.openBlob({ ...library, digest, intent: 'whole' });
    assert.equal(again.cache, 'HIT');
    assert.ok((await collect(await again.read())).equals(bytes));
    assert.equal(hub.gets.length, 1);
    await until(() => spools.usedBytes === 0);
    assert.match(await metrics.registry.metrics(), /cistern_fills_total\{class="interactive",result="done"\} 1/);
  });

  test(`corrupted bytes are never committed and never end cleanly, and the next request fetches again (${store})`, async (t) => {
    const { hub, cache, pull, store: blobs, spools } = await startCache(t, { store });
    for (const size of [40_000, 3 * mebibyte]) {
      const bytes = bytesOf(size, size);
      const digest = hub.addBlob(library.repository, bytes);
      hub.script.bend = () => {
        const bad = Buffer.from(bytes);
        bad[size - 1] = bad[size - 1]! ^ 1;
        return { bytes: bad };
      };
      await assert.rejects(
        () => pull(digest),
        (error) => isCacheError(error, 'content-mismatch'),
      );
      assert.equal(await blobs.stat(digest), undefined);
      hub.script.bend = undefined;
      const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
      assert.equal(blob.cache, 'MISS');
      assert.ok((await collect(await blob.read())).equals(bytes));
    }
    await until(() => spools.usedBytes === 0);
  });
}

test('readers get bytes while upstream still sends, but the last byte only after verification', async (t) => {
  const { hub, cache } = await startCache(t);
  const bytes = bytesOf(2 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  const opening = cache.openBlob({ ...library, digest, intent: 'whole' });
  const reading = opening.then((blob) => blob.read());
  hub.allow(100_000);
  const stream = await reading;
  assert.equal(stream.cache, 'MISS');
  let received = 0;
  const readMore = (async () => {
    for (;;) {
      const chunk = await stream.next();
      if (chunk === undefined) return;
      received += chunk.length;
    }
  })();
  await until(() => received === 100_000);
  hub.allow(bytes.length - 100_000 - 1);
  await until(() => received === bytes.length - 1);
  hub.allow(1);
  await readMore;
  assert.equal(received, bytes.length);
});

test('a reader that leaves does not stop the fill', async (t) => {
  const { hub, cache, store } = await startCache(t);
  const bytes = bytesOf(4 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(200_000);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const stream = await blob.read();
  await stream.next();
  stream.close();
  hub.allow(bytes.length);
  await until(async () => (await store.stat(digest))?.size === bytes.length);
  assert.equal(hub.gets.length, 1);
});

test('a body that ends early or breaks fails its readers and leaves nothing', async (t) => {
  const { hub, pull, store, spools } = await startCache(t);
  const bytes = bytesOf(3 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.bend = () => ({ bytes: bytes.subarray(0, mebibyte), totalSize: bytes.length });
  await assert.rejects(
    () => pull(digest),
    (error) => isCacheError(error, 'content-mismatch'),
  );
  hub.script.bend = undefined;
  hub.script.breakAt = () => mebibyte;
  await assert.rejects(
    () => pull(digest),
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
  assert.equal(await store.stat(digest), undefined);
  hub.script.breakAt = undefined;
  assert.ok((await pull(digest)).equals(bytes));
  await until(() => spools.usedBytes === 0);
});

test('a body of another length than in the manifest is rejected before a byte is served', async (t) => {
  const { hub, index, pull } = await startCache(t);
  const bytes = bytesOf(100_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: 99_999 }]);
  await assert.rejects(
    () => pull(digest),
    (error) => isCacheError(error, 'content-mismatch'),
  );
});

test('a blob of unknown length is read to the end to learn the length', async (t) => {
  const { hub, pull } = await startCache(t);
  const bytes = bytesOf(mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.headOmitsFacts = true;
  hub.script.bend = () => ({ bytes, totalSize: undefined });
  assert.ok((await pull(digest)).equals(bytes));
});

test('a range far ahead is fetched immediately, and the first fetch stops where that begins', async (t) => {
  const { hub, cache, pull, store } = await startCache(t);
  const bytes = bytesOf(40 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(mebibyte);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const whole = blob.read().then(collect);
  await until(() => hub.gets[0]?.sent === mebibyte);
  const tail = pull(digest, { start: 30 * mebibyte, end: bytes.length - 1 });
  await until(() => hub.gets.length === 2);
  assert.equal(hub.gets[1]?.from, 30 * mebibyte);
  hub.allow(100 * mebibyte);
  assert.ok((await tail).equals(bytes.subarray(30 * mebibyte)));
  assert.ok((await whole).equals(bytes));
  await until(async () => (await store.stat(digest))?.size === bytes.length);
  const sent = hub.gets.reduce((sum, get) => sum + get.sent, 0);
  assert.ok(sent <= bytes.length + 2 * mebibyte, `${sent} bytes were fetched for a blob of ${bytes.length}`);
});

test('a small range of a blob that is not cached is fetched first, and the whole follows', async (t) => {
  const { hub, pull, store } = await startCache(t);
  const bytes = bytesOf(20 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  const range = { start: 15 * mebibyte, end: 15 * mebibyte + 99 };
  assert.ok((await pull(digest, range)).equals(bytes.subarray(range.start, range.end + 1)));
  assert.deepEqual([hub.gets[0]?.from, hub.gets[0]?.toExclusive], [range.start, range.end + 1]);
  await until(async () => (await store.stat(digest))?.size === bytes.length);
});

test('a blob too large to fetch for a small range is fetched by ranges, until a client requests the whole', async (t) => {
  const { hub, pull, store } = await startCache(t, { maxWholeForRangeBytes: mebibyte });
  const bytes = bytesOf(10 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  for (const start of [0, 100, 5 * mebibyte, bytes.length - 1])
    assert.ok(
      (await pull(digest, { start, end: Math.min(start + 9, bytes.length - 1) })).equals(
        bytes.subarray(start, start + 10),
      ),
    );
  assert.ok(hub.gets.every((get) => get.toExclusive !== undefined && get.toExclusive - get.from! <= 10));
  assert.equal(await store.stat(digest), undefined);
  assert.ok((await pull(digest)).equals(bytes));
  await until(async () => (await store.stat(digest)) !== undefined);
});

test('a range that upstream fails to send does not block the next range of the blob', async (t) => {
  const { hub, pull } = await startCache(t, { maxWholeForRangeBytes: mebibyte });
  const bytes = bytesOf(10 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  const range = { start: 5 * mebibyte, end: 5 * mebibyte + 9 };
  assert.ok((await pull(digest, { start: 0, end: 9 })).equals(bytes.subarray(0, 10)));
  hub.script.down = new CacheError('upstream-unreachable', 'no answer', { retryable: true });
  await assert.rejects(pull(digest, range), (error) => isCacheError(error, 'upstream-unreachable'));
  hub.script.down = undefined;
  assert.ok((await pull(digest, range)).equals(bytes.subarray(range.start, range.end + 1)));
});

test('a range from an upstream without ranges is served from the whole blob', async (t) => {
  const { hub, pull } = await startCache(t);
  const bytes = bytesOf(12 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.ranges = false;
  const range = { start: 9 * mebibyte, end: 9 * mebibyte + 4 };
  assert.ok((await pull(digest, range)).equals(bytes.subarray(range.start, range.end + 1)));
});

test('random ranges of a blob are right during its fill', async (t) => {
  const { hub, pull, store } = await startCache(t, { store: 'fs' });
  const bytes = bytesOf(24 * mebibyte + 11);
  const digest = hub.addBlob(library.repository, bytes);
  let state = 9;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      const start = random(bytes.length);
      const end = start + random(Math.min(bytes.length - start, 3 * mebibyte));
      await new Promise((resolve) => setTimeout(resolve, random(60)));
      assert.ok((await pull(digest, { start, end })).equals(bytes.subarray(start, end + 1)));
    }),
  );
  await until(async () => (await store.stat(digest))?.size === bytes.length);
  assert.ok((await pull(digest)).equals(bytes));
});

test('an empty blob is served, and an empty body for another digest is rejected', async (t) => {
  const { hub, pull } = await startCache(t);
  const digest = hub.addBlob(library.repository, Buffer.alloc(0));
  assert.equal((await pull(digest)).length, 0);
  const other = hub.addBlob(library.repository, bytesOf(10));
  hub.script.bend = () => ({ bytes: Buffer.alloc(0) });
  await assert.rejects(
    () => pull(other),
    (error) => isCacheError(error, 'content-mismatch'),
  );
});
