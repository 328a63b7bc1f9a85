// A blob that is larger than the spool space of its fill passes through that space. Late readers get bytes that the spool no
// longer has by side reads.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { readSlowly } from '../testing/read-slowly.ts';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const size = 32 * mebibyte;
const bytes = bytesOf(size);

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const room = { leastSegmentBytes: 256 * kibibyte, spoolBytes: 4 * mebibyte, perFillBytes: 2 * mebibyte };
  const started = await startTestCache({ ...room, ...options });
  t.after(() => started.close());
  const { hub, spools, store } = started;
  const digest = hub.addBlob(library.repository, bytes);
  const peak = { spoolBytes: 0 };
  hub.script.onChunk = () => {
    peak.spoolBytes = Math.max(peak.spoolBytes, spools.usedBytes);
  };
  const frontends = [started.cache, started.restartFrontend()];
  return {
    ...started,
    digest,
    peak,
    async read(frontend = 0) {
      const blob = await frontends[frontend]!.openBlob({ ...library, digest, intent: 'whole' });
      return blob.read();
    },
    upstreamBytes: () => hub.gets.reduce((sum, { sent }) => sum + sent, 0),
    isStored: async () => (await store.stat(digest))?.size === size,
    nothingLeft: () => until(() => started.fills.size === 0 && spools.usedBytes === 0 && started.pool.usedBytes === 0),
  };
}

test('late and slow readers get the right bytes of a blob eight times the spool, although another reader leaves', async (t) => {
  const { hub, read, isStored, peak, upstreamBytes, nothingLeft } = await startCache(t);
  hub.script.gated = true;
  hub.allow(size / 2);
  const slow = read().then((stream) => readSlowly(stream, 200_000));
  const leaving = await read();
  await leaving.next();
  leaving.close();
  await until(() => upstreamBytes() === size / 2);
  const late = [0, 1].map((frontend) => read(frontend).then(collect));
  hub.allow(3 * size);
  for (const body of await Promise.all(late)) assert.ok(body.equals(bytes));
  await until(isStored);
  assert.ok((await slow).equals(bytes));
  assert.ok(peak.spoolBytes <= 4 * mebibyte, `${peak.spoolBytes} bytes of spool`);
  assert.ok(upstreamBytes() <= 2 * size, `${upstreamBytes() / size} of the blob came from upstream`);
  await nothingLeft();
});

test('a large blob needs no spool space with a filesystem store', async (t) => {
  const { read, isStored, hub, nothingLeft } = await startCache(t, { store: 'fs', spoolBytes: 64 * kibibyte });
  assert.ok((await collect(await read())).equals(bytes));
  await until(isStored);
  assert.equal(hub.gets.length, 1);
  await nothingLeft();
});

test('readers behind the window share side reads, which fetch the blob at most once more', async (t) => {
  const { hub, read, upstreamBytes, isStored, nothingLeft } = await startCache(t);
  hub.script.gated = true;
  hub.allow(size / 2);
  const first = read().then(collect);
  await until(() => upstreamBytes() === size / 2);
  const late = Array.from({ length: 6 }, (_, at) => read(at % 2).then(collect));
  hub.allow(size / 4);
  await until(() => upstreamBytes() === size / 2 + size / 4);
  const sideReads = hub.gets.filter(({ from }) => from === 0);
  assert.equal(sideReads.length, 1);
  hub.allow(4 * size);
  for (const body of [await first, ...(await Promise.all(late))]) assert.ok(body.equals(bytes));
  await until(isStored);
  const sideBytes = upstreamBytes() - size;
  assert.ok(sideBytes <= size, `${sideBytes / size} of the blob came by side reads`);
  await nothingLeft();
});

test('a reader behind the window waits for the commit if upstream has no ranges', async (t) => {
  const { hub, read, upstreamBytes, isStored, nothingLeft } = await startCache(t);
  hub.script.ranges = false;
  hub.script.gated = true;
  hub.allow(size / 2);
  const first = read().then(collect);
  await until(() => upstreamBytes() === size / 2);
  const late = read(1).then(collect);
  await delay(5_000);
  hub.allow(size);
  assert.ok((await first).equals(bytes));
  assert.ok((await late).equals(bytes));
  assert.ok(await isStored());
  assert.equal(upstreamBytes(), size);
  await nothingLeft();
});

test('readers of the whole blob succeed although upstream rejects side reads', async (t) => {
  const { hub, read, upstreamBytes, nothingLeft } = await startCache(t);
  hub.script.gated = true;
  hub.allow(size / 2);
  const first = read().then(collect);
  await until(() => upstreamBytes() === size / 2);
  hub.script.onCall = () => {
    throw new CacheError('upstream-rate-limited', 'Slow down.', { retryable: true });
  };
  const late = read(1).then(collect);
  await until(() => hub.calls.filter((call) => call === 'get-blob').length === 2);
  hub.allow(size);
  assert.ok((await first).equals(bytes));
  assert.ok((await late).equals(bytes));
  assert.equal(upstreamBytes(), size);
  await nothingLeft();
});

const storeFailure = () => new CacheError('store-unavailable', 'The store accepts no writes.', { retryable: true });

/** Wraps a store whose uploads call `put` before they accept a segment. */
function refuseSegments(inner: BlobStore, put: () => Promise<void> | void): BlobStore {
  return {
    ...inner,
    async beginUpload(...given) {
      const upload = await inner.beginUpload(...given);
      return {
        ...upload,
        async put(...segment) {
          await put();
          await upload.put(...segment);
        },
      };
    },
  };
}

const refuseAll = (inner: BlobStore) =>
  refuseSegments(inner, () => {
    throw storeFailure();
  });

test('a reader is served by one fetch if the store accepts no writes, and the next reader starts another', async (t) => {
  const { read, isStored, upstreamBytes, index, digest, peak, nothingLeft } = await startCache(t, {
    wrapStore: refuseAll,
  });
  const startedAtMs = performance.now();
  assert.ok((await collect(await read())).equals(bytes));
  // The fill gives up the store after ten seconds, and does not wait for the store after that.
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs <= 15_000, `it took ${tookMs} ms`);
  // The window was full for ten seconds, so one connection was closed.
  assert.ok(upstreamBytes() <= 1.02 * size + 4 * mebibyte, `${upstreamBytes() / size} of the blob came from upstream`);
  assert.ok(peak.spoolBytes <= 4 * mebibyte);
  await nothingLeft();
  assert.equal(await isStored(), false);
  assert.equal(await index.blobs.get(digest), undefined);
  assert.ok((await collect(await read(1))).equals(bytes));
  await nothingLeft();
});

/** Wraps a store so that it accepts only three quarters of the blob. */
function refuseTheLast(inner: BlobStore): BlobStore {
  let left = (3 * size) / (4 * 256 * kibibyte);
  return refuseSegments(inner, () => {
    left -= 1;
    if (left < 0) throw storeFailure();
  });
}

test('readers behind the window do not wait for a store that the fill has given up', async (t) => {
  const { hub, read, nothingLeft } = await startCache(t, { wrapStore: refuseTheLast });
  const first = read().then(collect);
  await until(() => (hub.gets[0]?.sent ?? 0) > (3 * size) / 4);
  const leaving = await read(1);
  await leaving.next();
  leaving.close();
  const late = read(1).then(collect);
  for (const body of [await first, await late]) assert.ok(body.equals(bytes));
  await nothingLeft();
});

test('a reader gets an error if its bytes are no longer in the spool, the store or at upstream', async (t) => {
  const { hub, read, nothingLeft } = await startCache(t, { wrapStore: refuseTheLast });
  hub.script.ranges = false;
  const first = read().then(collect);
  await until(() => (hub.gets[0]?.sent ?? 0) > (3 * size) / 4);
  const late = read(1).then(collect);
  await assert.rejects(late, (error) => isCacheError(error, 'store-unavailable'));
  assert.ok((await first).equals(bytes));
  await nothingLeft();
});

test('a blob is served but not stored if the store is full', async (t) => {
  const { read, isStored, upstreamBytes, nothingLeft } = await startCache(t, { maxBytes: mebibyte });
  assert.ok((await collect(await read())).equals(bytes));
  assert.ok(upstreamBytes() <= 1.02 * size, `${upstreamBytes() / size} of the blob came from upstream`);
  await nothingLeft();
  assert.equal(await isStored(), false);
});

test('a fill whose window stays full for ten seconds closes its connection, and resumes by a range', async (t) => {
  const stalled = Promise.withResolvers<void>();
  const wrapStore = (inner: BlobStore) => refuseSegments(inner, () => stalled.promise);
  const { read, isStored, hub, nothingLeft } = await startCache(t, { wrapStore });
  const startedAtMs = performance.now();
  const reading = read().then(collect);
  await until(() => hub.gets[0]?.closed === true);
  const closedAfterMs = performance.now() - startedAtMs;
  assert.ok(closedAfterMs >= 10_000 && closedAfterMs <= 12_000, `closed after ${closedAfterMs} ms`);
  assert.ok(hub.gets[0]!.sent < size / 4);
  await delay(60_000);
  assert.equal(hub.gets.length, 1);
  stalled.resolve();
  assert.ok((await reading).equals(bytes));
  await until(isStored);
  // Only fetches of the fill count. Side reads have a `toExclusive`.
  const fetched = hub.gets.filter(({ toExclusive }) => toExclusive === undefined);
  assert.equal(fetched.length, 2);
  assert.ok(fetched[1]!.from! > 0);
  assert.ok(fetched[0]!.sent + fetched[1]!.sent <= size + 4 * mebibyte);
  await nothingLeft();
});

test('a blob of unknown size is served if it fits into a fill, and rejected if it does not', async (t) => {
  const { hub, cache, store, nothingLeft } = await startCache(t);
  hub.script.headOmitsFacts = true;
  hub.script.bend = (_, whole) => ({ bytes: whole, totalSize: undefined });
  const open = (digest: Awaited<ReturnType<typeof startCache>>['digest']) =>
    cache.openBlob({ ...library, digest, intent: 'whole' });
  for (const [at, length] of [0, 1, 256 * kibibyte, 2 * mebibyte - 1].entries()) {
    const content = bytesOf(length, at + 2);
    const digest = hub.addBlob(library.repository, content);
    assert.ok((await collect(await (await open(digest)).read())).equals(content), `${length} bytes`);
    await until(async () => (await store.stat(digest))?.size === length);
  }
  const endless = hub.addBlob(library.repository, bytesOf(2 * mebibyte, 9));
  await assert.rejects(open(endless), (error) => isCacheError(error, 'content-mismatch'));
  await nothingLeft();
});
