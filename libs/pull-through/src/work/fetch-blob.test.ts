// Tests that the record shows the state of the fill, even after failures of the index.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { CacheIndex } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, digestOf } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { createPullHandlers } from './create-pull-handlers.ts';

const library = repositoryOf('docker.io', 'library/nginx');

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

const isBreak = (error: unknown) => isCacheError(error, 'upstream-unreachable');

const down = async () => {
  throw new CacheError('index-unavailable', 'The index is down.', { retryable: true });
};

test('a fill whose record and link were lost writes them again with its size, and ends as done', async (t) => {
  const { cache, hub, index, clock } = await startCache(t);
  const bytes = bytesOf(500_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(100_000);
  const first = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const reading = first.read().then(collect);
  clock.nowMs += 60_000;
  assert.ok(await index.links.remove(library, digest));
  assert.equal(await index.fills.read(digest), undefined);
  await until(async () => (await index.fills.read(digest)) !== undefined);
  // The upstream had confirmed the size before.
  await until(async () => (await index.links.get(library, digest))?.size === bytes.length);
  const record = await index.fills.read(digest);
  assert.deepEqual([record?.state, record?.size], ['running', bytes.length]);
  const second = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.equal(second.cache, 'JOINED');
  const joined = second.read().then(collect);
  clock.nowMs += 60_000;
  hub.allow(bytes.length);
  assert.ok((await reading).equals(bytes) && (await joined).equals(bytes));
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  assert.equal(hub.gets.length, 1);
});

test('a fill continues when announcements and links cannot be written', async (t) => {
  const { cache, hub, store } = await startCache(t, {
    wrapIndex: (inner) => ({
      ...inner,
      pubsub: { ...inner.pubsub, publish: down },
      links: { ...inner.links, put: down },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(async () => (await store.stat(digest)) !== undefined);
});

test('a fill that ends while the index is unavailable is recorded after the index recovers', async (t) => {
  let isDown = true;
  let refusals = 0;
  const { cache, hub, index, store } = await startCache(t, {
    wrapIndex: (inner): CacheIndex => ({
      ...inner,
      fills: {
        ...inner.fills,
        async done(...given) {
          if (!isDown) return inner.fills.done(...given);
          refusals += 1;
          return down();
        },
      },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(() => refusals > 0);
  assert.ok((await store.stat(digest)) !== undefined);
  isDown = false;
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  assert.deepEqual(await index.blobs.totals(), { blobs: 1, bytes: bytes.length });
});

test('a failed fill is recorded as failed, even if links cannot be read', async (t) => {
  let linksAreDown = false;
  const { cache, hub, index } = await startCache(t, {
    wrapIndex: (inner) => ({
      ...inner,
      links: { ...inner.links, get: (...given) => (linksAreDown ? down() : inner.links.get(...given)) },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.bend = () => ({ bytes: Buffer.alloc(bytes.length) });
  hub.script.onChunk = () => {
    linksAreDown = true;
  };
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  await assert.rejects(
    async () => collect(await blob.read()),
    (error) => isCacheError(error, 'content-mismatch'),
  );
  await until(async () => (await index.fills.read(digest))?.state === 'failed');
});

test('a request between a fill’s failure and its record causes the next fetch', async (t) => {
  const recording = Promise.withResolvers<void>();
  let failures = 0;
  const { cache, hub, index } = await startCache(t, {
    wrapIndex: (inner): CacheIndex => ({
      ...inner,
      fills: {
        ...inner.fills,
        async failed(...given) {
          failures += 1;
          await recording.promise;
          return inner.fills.failed(...given);
        },
      },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.breakAt = () => 100_000;
  const open = () => cache.openBlob({ ...library, digest, intent: 'whole' });
  await assert.rejects(async () => collect(await (await open()).read()), isBreak);
  await until(() => failures === 1);
  hub.script.breakAt = undefined;
  // More than one GET may have failed, because a reader that has all bytes from before the break may request the rest itself.
  const failed = hub.gets.length;
  const again = await open();
  assert.ok((await collect(await again.read())).equals(bytes));
  recording.resolve();
  await until(async () => (await index.fills.read(digest))?.state === 'done');
  assert.equal(hub.gets.length, failed + 1);
});

test('a request between a fill’s commit and its record reads from the store', async (t) => {
  const recording = Promise.withResolvers<void>();
  let ends = 0;
  const { cache, hub, store } = await startCache(t, {
    wrapIndex: (inner): CacheIndex => ({
      ...inner,
      fills: {
        ...inner.fills,
        async done(...given) {
          ends += 1;
          await recording.promise;
          return inner.fills.done(...given);
        },
      },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const first = await cache.openBlob({ ...library, digest, intent: 'whole' });
  await collect(await first.read());
  await until(() => ends === 1);
  assert.ok((await store.stat(digest)) !== undefined);
  assert.ok((await collect(await first.read())).equals(bytes));
  recording.resolve();
  assert.equal(hub.gets.length, 1);
});

test('a size that only upstream reported is removed after a failure, before the failure is published', async (t) => {
  const sizesAtFailures: unknown[] = [];
  const { cache, hub, index } = await startCache(t, {
    wrapIndex: (inner): CacheIndex => ({
      ...inner,
      fills: {
        ...inner.fills,
        async failed(failed, ...given) {
          sizesAtFailures.push((await inner.links.get(library, failed))?.size);
          return inner.fills.failed(failed, ...given);
        },
      },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  await cache.openBlob({ ...library, digest, intent: 'stat' });
  const linkedSize = async () => (await index.links.get(library, digest))?.size;
  const read = async () => collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read());
  assert.equal(await linkedSize(), bytes.length);
  hub.script.breakAt = () => 100_000;
  await assert.rejects(read, isBreak);
  await until(() => sizesAtFailures.length === 1);
  assert.equal(await linkedSize(), undefined);
  await cache.openBlob({ ...library, digest, intent: 'stat' });
  hub.script.breakAt = undefined;
  hub.script.bend = () => ({ bytes: bytes.subarray(1) });
  await assert.rejects(read, (error) => isCacheError(error, 'content-mismatch'));
  await until(() => sizesAtFailures.length === 2);
  assert.equal(await linkedSize(), undefined);
  assert.deepEqual(sizesAtFailures, [undefined, undefined]);
});

test('a fill leaves no listener on the worker’s signal', async (t) => {
  const started = await startCache(t);
  const { hub, index, store } = started;
  const log = createLogger({ level: 'error', formatter: 'json' });
  const upstreams = new Map([[hub.name, hub]]);
  const handlers = createPullHandlers({
    ...started,
    upstreams,
    address: '',
    maxWholeForRangeBytes: Infinity,
    log,
    now: Date.now,
  });
  const { signal } = new AbortController();
  const fetch = (digest: Digest) =>
    handlers['fetch-blob']({ ...library, digest, replaces: 0, from: 0 }, { class: 'interactive', signal });
  const digest = hub.addBlob(library.repository, bytesOf(300_000));
  await fetch(digest);
  assert.ok((await store.stat(digest)) !== undefined);
  await fetch(digestOf(Buffer.from('missing everywhere')));
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('a fetch waits after the index has lost its data, then runs', async (t) => {
  let unsettled = 2;
  const { cache, hub, index } = await startCache(t, {
    wrapIndex: (inner): CacheIndex => ({
      ...inner,
      fills: {
        ...inner.fills,
        claim: async (claim) => (unsettled-- > 0 ? { unsettledForMs: 5 } : inner.fills.claim(claim)),
      },
    }),
  });
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  assert.deepEqual([unsettled, hub.gets.length], [-1, 1]);
});

test('a fetch that waits for the index ends when its worker shuts down', async (t) => {
  const started = await startCache(t, {
    wrapIndex: (inner): CacheIndex => ({
      ...inner,
      fills: { ...inner.fills, claim: async () => ({ unsettledForMs: 60_000 }) },
    }),
  });
  const log = createLogger({ level: 'error', formatter: 'json' });
  const upstreams = new Map([[started.hub.name, started.hub]]);
  const options = { ...started, upstreams, address: '', maxWholeForRangeBytes: Infinity, log, now: Date.now };
  const job = { ...library, digest: digestOf(Buffer.from('wanted')), replaces: 0, from: 0 };
  const signal = AbortSignal.abort();
  const fetching = createPullHandlers(options)['fetch-blob'](job, { class: 'interactive', signal });
  await assert.rejects(fetching, { name: 'AbortError' });
});
