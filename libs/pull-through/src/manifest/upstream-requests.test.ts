// Counts the requests to the upstream, and tests its refusals. Docker Hub counts each GET of a manifest.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseTag } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const ociImage = 'application/vnd.oci.image.manifest.v1+json';
const latest = { ...library, reference: parseReference('latest') };

const isUnknown = (error: unknown) => isCacheError(error, 'manifest-unknown');

function imageManifest(seed: number): Buffer {
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(bytesOf(32, seed)),
    size: 32,
  };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociImage, config, layers: [] }));
}

async function startCache(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { hub } = started;
  const add = (seed: number) => hub.addManifest(library.repository, 'latest', imageManifest(seed), ociImage);
  const countGets = () => hub.calls.filter((call) => call === 'get-manifest').length;
  return { ...started, add, countGets };
}

test('a moved tag is served as before while upstream rejects requests for the new manifest', async (t) => {
  const { cache, hub, clock, add } = await startCache(t);
  const before = add(1);
  await cache.openManifest(latest);
  const after = add(2);
  clock.nowMs += 3_600_000;
  hub.script.onCall = (call) => {
    if (call === 'get-manifest') throw new CacheError('upstream-rate-limited', 'too many pulls');
  };
  for (const answer of [await cache.statManifest(latest), await cache.openManifest(latest)])
    assert.deepEqual([answer.digest, answer.cache], [before, 'STALE']);
  hub.script.onCall = undefined;
  clock.nowMs += 11_000;
  const moved = await cache.openManifest(latest);
  assert.deepEqual([moved.digest, moved.cache], [after, 'MISS']);
});

test('a moved tag costs one HEAD and one GET, also if the first request is a HEAD', async (t) => {
  const { cache, hub, clock, add } = await startCache(t);
  add(1);
  await cache.openManifest(latest);
  const after = add(2);
  clock.nowMs += 3_600_000;
  hub.calls.length = 0;
  assert.equal((await cache.statManifest(latest)).digest, after);
  assert.equal((await cache.openManifest({ ...library, reference: parseReference(after) })).cache, 'HIT');
  assert.equal((await cache.openManifest(latest)).cache, 'HIT');
  assert.deepEqual(hub.calls, ['head-manifest', 'get-manifest']);
});

test('concurrent HEAD and GET requests for a tag that is not cached cost one GET', async (t) => {
  for (const first of ['HEAD', 'GET'] as const) {
    const { cache, hub, add, countGets } = await startCache(t);
    const digest = add(1);
    const answering = Promise.withResolvers<void>();
    hub.script.onCall = (call) => (call === 'get-manifest' ? answering.promise : undefined);
    // docker sends HEAD, then GET with the digest. podman sends GET.
    const docker = async () => {
      const { digest: named } = await cache.statManifest(latest);
      return cache.openManifest({ ...library, reference: parseReference(named) });
    };
    const podman = () => cache.openManifest(latest);
    const pulling = first === 'HEAD' ? [docker(), podman()] : [podman(), docker()];
    await until(() => countGets() > 0);
    // The wait is long enough for a request that does not wait for that GET.
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    answering.resolve();
    for (const answer of await Promise.all(pulling)) assert.equal(answer.digest, digest);
    assert.equal(countGets(), 1, `${first} first`);
  }
});

test('a manifest with wrong bytes in the store is fetched again', async (t) => {
  const { cache, store, add, countGets } = await startCache(t);
  const digest = add(1);
  await putBytes(store, digest, imageManifest(2));
  const got = await cache.openManifest({ ...library, reference: parseReference(digest) });
  assert.ok(got.bytes.equals(imageManifest(1)));
  assert.equal(countGets(), 1);
});

test('a forced revalidation requests a digest again that was missing a moment ago', async (t) => {
  const { cache, add } = await startCache(t);
  const reference = parseReference(digestOf(imageManifest(1)));
  await assert.rejects(() => cache.openManifest({ ...library, reference }), isUnknown);
  add(1);
  await assert.rejects(() => cache.openManifest({ ...library, reference }), isUnknown);
  const got = await cache.openManifest({ ...library, reference, forceRevalidation: true });
  assert.ok(got.bytes.equals(imageManifest(1)));
  assert.equal((await cache.openManifest({ ...library, reference })).cache, 'HIT');
});

test('a HEAD of a tag from another cache causes one request to upstream', async (t) => {
  const started = await startTestCache({ adoptAs: 'docker.io' });
  t.after(() => started.close());
  const { cache, hub, store } = started;
  const digest = digestOf(imageManifest(1));
  const root = 'docker/registry/v2/repositories/library/nginx';
  await putBytes(store, digest, imageManifest(1));
  await store.writeObject(`${root}/_manifests/tags/latest/current/link`, Buffer.from(digest));
  await store.writeObject(`${root}/_manifests/revisions/sha256/${digest.slice(7)}/link`, Buffer.from(digest));
  hub.script.down = new CacheError('upstream-unreachable', 'down');
  const head = await cache.statManifest({ ...latest, forceRevalidation: true });
  assert.deepEqual([head.digest, head.mediaType, head.cache], [digest, ociImage, 'STALE']);
  assert.deepEqual(hub.calls, ['head-manifest']);
});

test('a job that another node has just run sends no request to upstream', async (t) => {
  const { hub, index, queue, cache, clock, add } = await startCache(t);
  const digest = add(1);
  await cache.openManifest(latest);
  const { checkedAtMs } = (await index.tags.get({ ...library, tag: parseTag('latest') }))!;
  const run = async (seenMs: number) => {
    const payload = {
      ...library,
      tag: parseTag('latest'),
      by: 'head',
      checkedAtMs: seenMs,
      triedAtMs: seenMs,
    } as const;
    await queue.run('revalidate-tag', payload, { dedupKey: `${seenMs}`, class: 'interactive', timeoutMs: 5_000 });
  };
  hub.calls.length = 0;
  // The requesting node has read an older record of the tag.
  await run(checkedAtMs - 1);
  await queue.run('fetch-manifest', { ...library, digest }, { dedupKey: 'x', class: 'interactive', timeoutMs: 5_000 });
  assert.deepEqual(hub.calls, []);
  clock.nowMs += 1;
  await run(checkedAtMs);
  assert.deepEqual(hub.calls, ['head-manifest']);
});
