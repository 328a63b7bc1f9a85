// While the store or the index is unavailable, clients get all content that does not need the unavailable part. They never get
// wrong content.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { linksObjectKey, tagObjectKey } from '@cistern/blob-store';
import { type Reference, parseReference } from '@cistern/oci';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { type TestClusterOptions, startTestCluster } from '../testing/start-test-cluster.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const ociImage = 'application/vnd.oci.image.manifest.v1+json';
const latest = parseReference('latest');

async function startImage(t: TestContext, options: TestClusterOptions = {}) {
  const cluster = await startTestCluster(t, options);
  const { hub, frontends } = cluster;
  const layer = bytesOf(3_000_000);
  const blob = hub.addBlob(library.repository, layer);
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociImage,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: blob, size: layer.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: blob, size: layer.length }],
    }),
  );
  const manifest = hub.addManifest(library.repository, 'latest', bytes, ociImage);
  return {
    ...cluster,
    layer,
    blob,
    bytes,
    manifest,
    openManifest: (frontend: number, reference: Reference) =>
      frontends[frontend]!.cache.openManifest({ ...library, reference }),
    async pullBlob(frontend: number) {
      const opened = await frontends[frontend]!.cache.openBlob({ ...library, digest: blob, intent: 'whole' });
      return collect(await opened.read());
    },
  };
}

const isUnavailable = (error: unknown) => isCacheError(error, 'store-unavailable');
const countOf = (hub: { readonly calls: readonly string[] }, call: string) =>
  hub.calls.filter((made) => made === call).length;

test('while the store is down, a manifest that is not cached fails without a request to upstream, and blobs are served', async (t) => {
  const started = await startImage(t);
  const { stored, hub, bytes, layer, manifest, blob, openManifest, pullBlob } = started;
  stored.failing = true;
  for (const frontend of [0, 1, 0, 1]) {
    await assert.rejects(openManifest(frontend, latest), isUnavailable);
    await assert.rejects(openManifest(frontend, { kind: 'digest', digest: manifest }), isUnavailable);
    assert.ok((await pullBlob(frontend)).equals(layer));
  }
  assert.deepEqual([countOf(hub, 'get-manifest'), countOf(hub, 'head-manifest'), hub.gets.length], [0, 0, 1]);
  stored.failing = false;
  assert.ok((await openManifest(0, latest)).bytes.equals(bytes));
  const { upstream, repository } = library;
  await until(() => stored.blobs.has(blob));
  assert.ok(Buffer.from(stored.blobs.get(manifest)!.bytes).equals(bytes));
  assert.ok(Buffer.from(stored.blobs.get(blob)!.bytes).equals(layer));
  assert.ok(stored.objects.has(linksObjectKey(upstream, repository, manifest)));
  assert.ok(stored.objects.has(tagObjectKey({ upstream, repository, tag: 'latest' as never })));
  assert.equal(countOf(hub, 'get-manifest'), 1);
});

test('a tag whose object cannot be read is fetched from upstream', async (t) => {
  const { upstream, repository } = library;
  const tagKey = tagObjectKey({ upstream, repository, tag: 'latest' as never });
  const { bytes, openManifest, hub } = await startImage(t, {
    wrapStore: (store) => ({
      ...store,
      async readObject(key) {
        if (key === tagKey) throw new CacheError('store-unavailable', 'AccessDenied');
        return store.readObject(key);
      },
    }),
  });
  assert.ok((await openManifest(0, latest)).bytes.equals(bytes));
  assert.equal(countOf(hub, 'get-manifest'), 1);
});

test('a store that is readable but accepts no writes causes one GET, however many requests clients send', async (t) => {
  let isFull = true;
  const refuse = () => {
    if (isFull) throw new CacheError('store-unavailable', 'The store is full.', { retryable: true });
  };
  const started = await startImage(t, {
    frontends: 4,
    wrapStore: (store) => ({
      ...store,
      put: async (...given) => (refuse(), store.put(...given)),
      writeObject: async (...given) => (refuse(), store.writeObject(...given)),
      check: async () => (refuse(), store.check()),
    }),
  });
  const { hub, bytes, manifest, openManifest, queue, shared } = started;
  let turn = 0;
  queue.route = () => `worker-${1 + (turn++ % 2)}`;
  for (let minute = 0; minute < 3; minute += 1) {
    for (let frontend = 0; frontend < 4; frontend += 1)
      for (const reference of [latest, { kind: 'digest', digest: manifest } as const])
        await assert.rejects(openManifest(frontend, reference), isUnavailable);
    shared.advance(60_000);
  }
  assert.equal(countOf(hub, 'get-manifest'), 1);
  isFull = false;
  assert.ok((await openManifest(0, latest)).bytes.equals(bytes));
  assert.equal(countOf(hub, 'get-manifest'), 2);
});

test('a tag whose manifest is in memory is served while the store is down, and is stale after it has moved', async (t) => {
  const { stored, hub, shared, bytes, manifest, openManifest } = await startImage(t);
  await openManifest(0, latest);
  stored.failing = true;
  assert.equal((await openManifest(0, latest)).cache, 'HIT');
  shared.advance(3_600_000);
  const confirmed = await openManifest(0, latest);
  assert.deepEqual([confirmed.cache, confirmed.digest], ['REVALIDATED', manifest]);
  const moved = hub.addManifest(library.repository, 'latest', Buffer.from(`${bytes.toString()}\n`), ociImage);
  shared.advance(3_600_000);
  const stale = await openManifest(0, latest);
  assert.deepEqual([stale.cache, stale.digest], ['STALE', manifest]);
  assert.ok(stale.bytes.equals(bytes));
  assert.equal(countOf(hub, 'get-manifest'), 1);
  stored.failing = false;
  shared.advance(11_000);
  assert.equal((await openManifest(0, latest)).digest, moved);
});

test('a tag that upstream no longer has is forgotten while the store is down, and stays so after the store recovers', async (t) => {
  const { stored, hub, policy, shared, openManifest, manifest, index } = await startImage(t);
  await openManifest(0, latest);
  Object.assign(policy, { onNotFound: 'forget' });
  hub.script.onCall = (call) => {
    if (call === 'head-manifest') throw new CacheError('manifest-unknown', 'The manifest is gone.');
  };
  shared.advance(3_600_000);
  stored.failing = true;
  await assert.rejects(openManifest(0, latest), (error) => isCacheError(error, 'manifest-unknown'));
  assert.equal(await index.tags.get({ ...library, tag: 'latest' as never }), undefined);
  assert.equal((await openManifest(0, { kind: 'digest', digest: manifest })).cache, 'HIT');
  stored.failing = false;
  shared.advance(11_000);
  await assert.rejects(openManifest(0, latest), (error) => isCacheError(error, 'manifest-unknown'));
  assert.ok(!stored.objects.has(tagObjectKey({ ...library, tag: 'latest' as never })));
});

test('while the store is down, cached blobs are fetched from upstream, and no fetch is repeated after it recovers', async (t) => {
  const { stored, hub, shared, layer, openManifest, pullBlob, workers } = await startImage(t);
  await openManifest(0, latest);
  assert.ok((await pullBlob(0)).equals(layer));
  await until(() => workers.every(({ fills }) => fills.size === 0));
  shared.advance(4_000);
  stored.failing = true;
  assert.ok((await pullBlob(0)).equals(layer));
  assert.ok((await pullBlob(1)).equals(layer));
  await assert.rejects(openManifest(1, latest), isUnavailable);
  assert.equal(hub.gets.length, 2);
  stored.failing = false;
  await until(() => workers.every(({ fills }) => fills.size === 0));
  assert.ok((await pullBlob(1)).equals(layer));
  assert.equal(hub.gets.length, 2);
});

test('a fill provides the rest of a blob whose store fails in the middle of a read', async (t) => {
  for (const verified of [true, false]) {
    let readsBeforeFailure = Infinity;
    const { hub, stored, index, layer, blob, pullBlob, openManifest, shared, workers } = await startImage(t, {
      wrapStore: (inner) => ({
        ...inner,
        async open(...given) {
          const reader = await inner.open(...given);
          return (
            reader && {
              ...reader,
              async read(into) {
                readsBeforeFailure -= 1;
                if (readsBeforeFailure < 0) stored.failing = true;
                return reader.read(into);
              },
            }
          );
        },
      }),
    });
    await openManifest(0, latest);
    await pullBlob(1);
    await until(() => workers.every(({ fills }) => fills.size === 0));
    shared.advance(4_000);
    if (!verified) await index.blobs.remove(blob);
    readsBeforeFailure = 3;
    assert.ok((await pullBlob(0)).equals(layer), verified ? 'verified' : 'never hashed');
    assert.equal(hub.gets.filter(({ from }) => from === undefined).length, 2);
    stored.failing = false;
    await until(() => workers.every(({ fills }) => fills.size === 0));
  }
});

test('a fill continues while the index is unavailable, and blobs that are not cached fail', async (t) => {
  const started = await startHalfway(t);
  const { hub, read, bytes, size, shared, frontends, stored, digest, index } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  shared.faults.failing = true;
  const cold = hub.addBlob(library.repository, bytesOf(1_000));
  for (const { cache } of frontends)
    await assert.rejects(cache.openBlob({ ...library, digest: cold, intent: 'whole' }), (error) =>
      isCacheError(error, 'index-unavailable'),
    );
  hub.allow(size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  await until(() => stored.blobs.has(digest));
  shared.faults.failing = false;
  assert.ok((await read(0).then(collect)).equals(bytes));
  assert.equal(hub.gets.length, 1);
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  await started.nothingLeft();
});
