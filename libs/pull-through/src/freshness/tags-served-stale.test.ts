// Tests the responses for a tag past its TTL, in addition to the table in test/adapters: background jobs, and time limits.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseTag } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const ociImage = 'application/vnd.oci.image.manifest.v1+json';
const latest = { ...library, reference: parseReference('latest') };
const key = { ...library, tag: parseTag('latest') };
const down = new CacheError('upstream-unreachable', 'down');
const gone = new CacheError('manifest-unknown', 'gone');
const isGone = (error: unknown) => isCacheError(error, 'manifest-unknown');
const isOffline = (error: unknown) =>
  isCacheError(error, 'upstream-unreachable') && /switched offline/.test(error.message);
const minuteMs = 60_000;

async function startCache(t: TestContext, options: Parameters<typeof startTestCache>[0] = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  const add = (seed: number) => {
    const config = { mediaType: 'application/x', digest: digestOf(bytesOf(32, seed)), size: 32 };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociImage, config, layers: [] }));
    return started.hub.addManifest(library.repository, 'latest', bytes, ociImage);
  };
  return { ...started, add };
}

test('one background job revalidates a stale tag, however many clients request it, and the next response is fresh', async (t) => {
  const { cache, hub, index, clock, policy, add, restartFrontend } = await startCache(t);
  policy.staleWhileRevalidateMs = minuteMs;
  const before = add(1);
  await cache.openManifest(latest);
  const after = add(2);
  clock.nowMs += 90_000;
  const answering = Promise.withResolvers<void>();
  hub.script.onCall = () => answering.promise;
  const other = restartFrontend();
  for (const node of [cache, other, cache, other]) {
    const { digest, cache: result, staleBecause, ageMs } = await node.statManifest(latest);
    assert.deepEqual([digest, result, staleBecause, ageMs], [before, 'STALE', 'revalidating', 90_000]);
  }
  answering.resolve();
  await until(async () => (await index.tags.get(key))?.digest === after);
  const { digest, cache: result } = await cache.openManifest(latest);
  assert.deepEqual([digest, result], [after, 'HIT']);
  assert.deepEqual(hub.calls, ['get-manifest', 'head-manifest', 'get-manifest']);
});

test('a client waits for upstream if the tag is older than its max-age', async (t) => {
  const { cache, hub, clock, policy, add } = await startCache(t);
  policy.staleWhileRevalidateMs = minuteMs;
  add(1);
  await cache.openManifest(latest);
  clock.nowMs += 30_000;
  assert.equal((await cache.openManifest({ ...latest, maxAgeMs: 31_000 })).cache, 'HIT');
  assert.equal((await cache.openManifest({ ...latest, maxAgeMs: 30_000 })).cache, 'REVALIDATED');
  clock.nowMs += 90_000;
  assert.equal((await cache.openManifest({ ...latest, maxAgeMs: 80_000 })).cache, 'REVALIDATED');
  clock.nowMs += 90_000;
  hub.script.down = down;
  assert.equal((await cache.openManifest({ ...latest, maxAgeMs: 0 })).staleBecause, 'failing');
});

test('a client waits some seconds for a silent upstream, then it and later clients get a stale tag', async (t) => {
  const { cache, hub, clock, add } = await startCache(t);
  add(1);
  await cache.openManifest(latest);
  clock.nowMs += 600_000;
  const answering = Promise.withResolvers<void>();
  hub.script.onCall = () => answering.promise;
  const startedAtMs = performance.now();
  const first = await cache.openManifest(latest);
  const waitedMs = performance.now() - startedAtMs;
  assert.deepEqual([first.cache, first.staleBecause], ['STALE', 'failing']);
  assert.ok(waitedMs > 4_000, `${Math.round(waitedMs)} ms`);
  assert.equal((await cache.statManifest(latest)).cache, 'STALE');
  answering.resolve();
  await until(async () => (await cache.statManifest(latest)).cache === 'HIT');
  assert.deepEqual(hub.calls, ['get-manifest', 'head-manifest']);
});

test('a tag that upstream no longer has is kept, and revalidated after its TTL', async (t) => {
  const { cache, hub, clock, policy, add } = await startCache(t);
  policy.ttlMs = 10 * minuteMs;
  const digest = add(1);
  await cache.openManifest(latest);
  hub.script.down = gone;
  clock.nowMs += 11 * minuteMs;
  for (let minute = 0; minute < 10; minute += 1) {
    const answer = await cache.openManifest(latest);
    assert.deepEqual([answer.digest, answer.staleBecause], [digest, 'gone']);
    clock.nowMs += minuteMs;
  }
  assert.equal(hub.calls.length, 2);
  hub.script.down = undefined;
  assert.equal((await cache.openManifest(latest)).cache, 'REVALIDATED');
});

test('a forgotten tag is removed from index and store, also if another cache had left it', async (t) => {
  const { cache, hub, index, store, clock, policy, add } = await startCache(t, { adoptAs: 'docker.io' });
  policy.onNotFound = 'forget';
  const digest = add(1);
  await cache.openManifest(latest);
  const link = 'docker/registry/v2/repositories/library/nginx/_manifests/tags/latest/current/link';
  await store.writeObject(link, Buffer.from(digest));
  hub.script.down = gone;
  clock.nowMs += 2 * minuteMs;
  await assert.rejects(() => cache.openManifest(latest), isGone);
  assert.equal(await index.tags.get(key), undefined);
  assert.deepEqual(await Array.fromAsync(store.listObjects('cistern/tags/')), []);
  assert.equal(await store.readObject(link), undefined);
  hub.script.down = down;
  clock.nowMs += 3_000;
  await assert.rejects(
    () => cache.openManifest(latest),
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
  assert.equal((await cache.openManifest({ ...library, reference: parseReference(digest) })).cache, 'HIT');
});

test('a worker that shuts down during a revalidation records no failure', async (t) => {
  const { cache, hub, index, clock, workers, add } = await startCache(t);
  add(1);
  await cache.openManifest(latest);
  clock.nowMs += 2 * minuteMs;
  hub.script.onCall = () => new Promise(() => {});
  const pulling = cache.openManifest(latest);
  await until(() => hub.calls.length === 2);
  await workers.close(0);
  assert.equal((await pulling).cache, 'STALE');
  assert.equal((await index.tags.get(key))?.lastFailure, undefined);
});

test('an offline upstream gets no requests; cached content is served, and the rest fails immediately', async (t) => {
  const { cache, hub, clock, offline, add } = await startCache(t);
  const digest = add(1);
  const layer = hub.addBlob(library.repository, bytesOf(1000));
  await cache.openManifest(latest);
  offline.add('docker.io');
  assert.equal((await cache.openManifest(latest)).cache, 'HIT');
  clock.nowMs += 600_000;
  for (const forceRevalidation of [false, true]) {
    const answer = await cache.openManifest({ ...latest, forceRevalidation });
    assert.deepEqual([answer.digest, answer.staleBecause], [digest, 'offline']);
  }
  await assert.rejects(() => cache.openManifest({ ...library, reference: parseReference('other') }), isOffline);
  await assert.rejects(async () => {
    const blob = await cache.openBlob({ ...library, digest: layer, intent: 'whole' });
    await blob.read();
  }, isOffline);
  assert.deepEqual(hub.calls, ['get-manifest']);
  offline.clear();
  assert.equal((await cache.openManifest(latest)).cache, 'REVALIDATED');
});
