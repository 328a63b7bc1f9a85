import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { type Digest, mediaTypes, parseReference } from '@cistern/oci';
import { linksObjectKey } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { createLogger } from '@cistern/telemetry';
import { pinImage } from '@cistern/content';
import { rebuildIndex } from '../rebuild/rebuild-index.ts';
import { repositoryOf } from '@cistern/index/testing';
import type { TestCacheOptions } from '@cistern/pull-through/testing';
import { addImage, type TestImage } from '@cistern/upstream/testing';
import { nameOf, startPurgedCache } from '../testing/start-purged-cache.ts';
import { until } from '@cistern/runtime/testing';
import { collect } from '@cistern/oci/testing';
import { purge, type PurgeTarget } from './purge.ts';
import { purgeUpstream } from './purge-upstream.ts';

const log = createLogger({ level: 'error', formatter: 'json' });

async function start(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startPurgedCache(t, options);
  const { index, store, clock } = started;
  const now = () => clock.nowMs;
  return {
    ...started,
    purge: (target: PurgeTarget) => purge({ ...started, now }, target),
    rebuild: () => rebuildIndex({ index, store, log, now }),
  };
}

test('a purge removes an image, a rebuild does not restore it, and the next pull fetches it again', async (t) => {
  const { purge: purgeIt, pull, hub, index, stored, rebuild } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1, 2] });
  await pull(image);
  assert.deepEqual(await purgeIt({ image: nameOf(image) }), { purged: { tags: 1, manifests: 1, blobs: 3 } });
  assert.deepEqual(await stored(image.digests), [false, false, false, false]);
  await rebuild();
  const key = repositoryOf('docker.io', image.repository);
  assert.equal(await index.tags.get({ ...key, tag: image.tag }), undefined);
  assert.deepEqual(await index.links.digests(key), []);
  assert.deepEqual(await index.blobs.totals(), { blobs: 0, bytes: 0 });
  const before = hub.calls.length;
  await pull(image);
  assert.deepEqual(hub.calls.slice(before), ['get-manifest', 'get-blob', 'get-blob', 'get-blob']);
  assert.deepEqual(await stored(image.digests), [true, true, true, true]);
});

test('content that other images of this or another repository use stays', async (t) => {
  const { purge: purgeIt, pullShared, stored } = await start(t);
  const { image, sibling, foreign } = await pullShared();
  assert.deepEqual(await purgeIt({ image: nameOf(image) }), { purged: { tags: 1, manifests: 1, blobs: 2 } });
  assert.deepEqual(await stored(image.digests), [false, false, true, true, false]);
  assert.deepEqual(await purgeIt({ upstream: 'quay.io' }), { purged: { tags: 1, manifests: 1, blobs: 2 } });
  assert.deepEqual(await stored(foreign.digests), [false, false, false]);
  assert.deepEqual(await stored(sibling.digests), [true, true, true]);
});

test('an image with two tags stays when one of them is purged', async (t) => {
  const { purge: purgeIt, pull, hub, stored, store } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'one', layers: [1] });
  await pull(image);
  const { bytes, mediaType } = await hub.getManifest(nameOf(image).repository, parseReference('one'));
  hub.addManifest('library/app', 'two', bytes, mediaType);
  const other = { ...image, tag: 'two' } as TestImage;
  await pull(other);
  assert.deepEqual(await purgeIt({ image: nameOf(image) }), { purged: { tags: 1, manifests: 0, blobs: 0 } });
  assert.deepEqual(await stored(image.digests), [true, true, true]);
  const byDigest = { ...nameOf(other), reference: { kind: 'digest', digest: image.manifest } } as const;
  assert.deepEqual(await purgeIt({ image: byDigest }), { purged: { tags: 1, manifests: 1, blobs: 2 } });
  for await (const left of store.listObjects('cistern/')) assert.fail(`${left} is left`);
});

test('a purge removes a multi-platform image with all its platforms', async (t) => {
  const { purge: purgeIt, cache, pull, hub, stored } = await start(t);
  const parts = ['amd64', 'arm64'].map((tag, at) => addImage(hub, { repository: 'library/app', tag, layers: [at] }));
  const manifests = await Promise.all(
    parts.map(async ({ manifest, tag }) => {
      const { bytes, mediaType } = await hub.getManifest(
        repositoryOf('', 'library/app').repository,
        parseReference(tag),
      );
      return { mediaType, digest: manifest, size: bytes.length, platform: { os: 'linux', architecture: tag } };
    }),
  );
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const digest = hub.addManifest('library/app', 'latest', index, mediaTypes.ociIndex);
  const latest = { ...repositoryOf('docker.io', 'library/app'), reference: parseReference('latest') };
  await cache.openManifest(latest);
  for (const part of parts) await pull(part);
  // One of the platforms has a tag of its own, which keeps it.
  const [amd64, arm64] = [parts[0] ?? assert.fail(), parts[1] ?? assert.fail()];
  await purgeIt({ image: nameOf(arm64) });
  assert.deepEqual(await stored(arm64.digests), [true, true, true], 'the index lists it');
  assert.deepEqual(await purgeIt({ image: latest }), { purged: { tags: 1, manifests: 2, blobs: 2 } });
  assert.deepEqual(await stored([digest, ...arm64.digests]), [false, false, false, false]);
  assert.deepEqual(await stored(amd64.digests), [true, true, true]);
});

test('a digest is purged from all repositories, with the tags that name it, and its parts stay', async (t) => {
  const { purge: purgeIt, pull, hub, quay, index, stored } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  const same = addImage(quay, { repository: 'library/app', tag: 'latest', layers: [1] });
  assert.equal(image.manifest, same.manifest);
  await pull(image);
  await pull(same, 'quay.io');
  assert.deepEqual(await purgeIt({ digest: image.manifest }), { purged: { tags: 2, manifests: 1, blobs: 0 } });
  assert.deepEqual(await stored(image.digests), [false, true, true]);
  for (const upstream of ['docker.io', 'quay.io'])
    assert.equal(await index.links.get(repositoryOf(upstream, 'library/app'), image.manifest), undefined);
  const [, layer] = image.blobs;
  assert.deepEqual(await purgeIt({ digest: layer ?? assert.fail() }), { purged: { tags: 0, manifests: 0, blobs: 1 } });
  await pull(image);
  assert.deepEqual(await stored(image.digests), [true, true, true]);
});

test('pinned content stays, and the result names its pins', async (t) => {
  const { purge: purgeIt, pull, hub, store, stored } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  const other = addImage(hub, { repository: 'library/other', tag: 'latest', layers: [1] });
  await pull(image);
  await pull(other);
  await pinImage(store, nameOf(image));
  const refused = { pinnedBy: [nameOf(image)] };
  assert.deepEqual(await purgeIt({ image: nameOf(image) }), refused);
  const byDigest = { ...nameOf(image), reference: { kind: 'digest', digest: image.manifest } } as const;
  assert.deepEqual(await purgeIt({ digest: image.blobs[1] ?? assert.fail() }), refused);
  assert.deepEqual(await purgeIt({ upstream: 'docker.io' }), refused);
  assert.deepEqual(await stored(image.digests), [true, true, true]);
  await pinImage(store, byDigest);
  assert.deepEqual(await purgeIt({ image: byDigest }), { pinnedBy: [byDigest] });
  assert.deepEqual(await purgeIt({ image: nameOf(other) }), { purged: { tags: 1, manifests: 1, blobs: 1 } });
});

test('a purge of an upstream removes all its content, including that of a registry:2 cache, and nothing else', async (t) => {
  const { purge: purgeIt, pull, hub, quay, index, store, stored, cache } = await start(t);
  const images = ['one', 'two'].map((name, at) => addImage(hub, { repository: `org/${name}`, tag: 'a', layers: [at] }));
  const foreign = addImage(quay, { repository: 'org/app', tag: 'a', layers: [7] });
  for (const image of images) await pull(image);
  await pull(foreign, 'quay.io');
  await cache.listTags(repositoryOf('docker.io', 'org/one'));
  const link = 'docker/registry/v2/repositories/org/old/_manifests/tags/a/current/link';
  await store.writeObject(link, Buffer.from(images[0]?.manifest ?? ''));
  assert.deepEqual(await purgeIt({ upstream: 'docker.io' }), { purged: { tags: 2, manifests: 2, blobs: 4 } });
  for (const { digests } of images) assert.ok((await stored(digests)).every((isStored) => !isStored));
  assert.equal(await store.readObject(link), undefined);
  assert.deepEqual(await index.links.repositories({ limit: 10 }), [repositoryOf('quay.io', 'org/app')]);
  for await (const key of store.listObjects('cistern/')) assert.match(key, /quay\.io/);
  assert.ok((await stored(foreign.digests)).every(Boolean));
});

test('a client that reads a purged blob gets it whole', async (t) => {
  const { purge: purgeIt, pull, hub, cache, stored } = await start(t, { store: 'fs', realTime: true });
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1], layerBytes: 4_000_000 });
  await pull(image);
  const layer = image.blobs[1] ?? assert.fail();
  const key = repositoryOf('docker.io', 'library/app');
  const stream = await (await cache.openBlob({ ...key, digest: layer, intent: 'whole' })).read();
  const first = Buffer.from((await stream.next()) ?? []);
  await purgeIt({ image: nameOf(image) });
  assert.deepEqual(await stored([layer]), [false]);
  const rest = await collect(stream);
  assert.equal(first.length + rest.length, 4_000_000);
});

test('a revalidation under way when a tag is purged does not restore the old answer of the upstream', async (t) => {
  const { purge: purgeIt, pull, hub, index, cache, rebuild } = await start(t);
  const old = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  const key = repositoryOf('docker.io', 'library/app');
  const answered = Promise.withResolvers<void>();
  const requested: string[] = [];
  // The upstream has answered, and the worker receives the response only after the purge.
  const whole = hub.getManifest;
  hub.getManifest = async (...given) => {
    const manifest = await whole(...given);
    requested.push(manifest.digest ?? '');
    if (requested.length === 1) await answered.promise;
    return manifest;
  };
  const pulling = cache.openManifest({ ...key, reference: parseReference('latest') });
  await until(() => requested.length === 1);
  const moved = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [2] });
  await purgeIt({ image: nameOf(old) });
  answered.resolve();
  assert.equal((await pulling).digest, moved.manifest);
  assert.deepEqual(requested, [old.manifest, moved.manifest]);
  assert.equal((await index.tags.get({ ...key, tag: old.tag }))?.digest, moved.manifest);
  await index.tags.remove({ ...key, tag: old.tag });
  await rebuild();
  assert.equal((await index.tags.get({ ...key, tag: old.tag }))?.digest, moved.manifest);
  assert.equal(await pull(moved), moved.manifest);
});

test('a revalidation that fails after a purge does not restore the tag', async (t) => {
  const { purge: purgeIt, pull, hub, index, cache, clock } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  await pull(image);
  clock.nowMs += 3 * 3_600_000;
  const [isRequested, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  hub.script.onCall = async () => {
    isRequested.resolve();
    await answered.promise;
    throw new CacheError('upstream-unreachable', 'down');
  };
  const key = repositoryOf('docker.io', 'library/app');
  const pulling = cache.statManifest({ ...key, reference: parseReference('latest') }).catch(() => {});
  await isRequested.promise;
  await purgeIt({ image: nameOf(image) });
  answered.resolve();
  await pulling;
  assert.equal(await index.tags.get({ ...key, tag: image.tag }), undefined);
});

test('nothing is purged while another purge runs', async (t) => {
  const { purge: purgeIt, pull, hub, index, stored } = await start(t);
  const image = addImage(hub, { repository: 'library/app', tag: 'latest', layers: [1] });
  await pull(image);
  await index.leases.acquire('purge', 'somebody', 60_000);
  const purging = purgeIt({ image: nameOf(image) });
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.deepEqual(await stored(image.digests), [true, true, true]);
  await index.leases.release('purge', 'somebody');
  assert.deepEqual(await purging, { purged: { tags: 1, manifests: 1, blobs: 2 } });
});

const eio = async (key: string): Promise<never> => {
  throw new CacheError('store-unavailable', `EIO: ${key}.`);
};

test('a purge skips objects that cannot be read or removed, and reports them', async (t) => {
  const broken = new Set<string>();
  const {
    purge: purgeIt,
    pullShared,
    store,
    stored,
    index,
  } = await start(t, {
    wrapStore: (inner) => ({
      ...inner,
      readObject: async (key) => (broken.has(key) ? eio(key) : inner.readObject(key)),
      removeObject: async (key) => (broken.has(key) ? eio(key) : inner.removeObject(key)),
    }),
  });
  const { image, sibling, foreign } = await pullShared();
  const key = repositoryOf('docker.io', image.repository);
  const links = linksObjectKey(key.upstream, key.repository, sibling.manifest);
  broken.add(links);
  // The sibling's layer may be removed, because its unreadable links object cannot protect it.
  await assert.rejects(
    purgeIt({ image: nameOf(image) }),
    /for some objects \(failures: 1\). The first: EIO: .* purge again/,
  );
  assert.equal(await index.tags.get({ ...key, tag: image.tag }), undefined);
  assert.deepEqual((await stored(image.digests)).slice(0, 2), [false, false]);
  assert.ok((await stored(foreign.digests)).every(Boolean));
  await assert.rejects(purgeIt({ upstream: 'docker.io' }), /for some objects/);
  assert.deepEqual(await Array.fromAsync(store.listObjects('cistern/links/docker.io/')), [links]);
  assert.deepEqual(await Array.fromAsync(store.listObjects('cistern/tags/docker.io/')), []);
  broken.clear();
  assert.partialDeepStrictEqual(await purgeIt({ upstream: 'docker.io' }), { purged: { tags: 0 } });
  assert.deepEqual(await Array.fromAsync(store.listObjects('cistern/links/docker.io/')), []);
  assert.ok((await stored(foreign.digests)).every(Boolean));
});

test('an upstream is purged in batches of bounded size', async (t) => {
  const { index, pull, quay, hub, clock, stored, ...started } = await start(t);
  const foreign = addImage(quay, { repository: 'org/app', tag: 'one', layers: [2] });
  await pull(foreign, 'quay.io');
  const images = Array.from({ length: 10 }, (_, number) =>
    addImage(hub, { repository: `org/app${number % 4}`, tag: `v${number}`, layers: [number] }),
  );
  for (const image of images) await pull(image);
  let batches = 0;
  const digestsOf: CacheIndex['links']['digests'] = async (key) => {
    if (key.upstream === 'quay.io') batches += 1;
    return index.links.digests(key);
  };
  const step = {
    ...started,
    index: { ...index, links: { ...index.links, digests: digestsOf } },
    now: () => clock.nowMs,
    pins: [],
    readPinned: async () => new Set<Digest>(),
    tolerate: (action: () => Promise<void>) => action(),
    signal: new AbortController().signal,
  };
  // The foreign image also uses one of the layers.
  assert.deepEqual(await purgeUpstream(step, 'docker.io', 8), { purged: { tags: 10, manifests: 10, blobs: 19 } });
  assert.ok(batches >= 3, String(batches));
  for (const { manifest } of images) assert.deepEqual(await stored([manifest]), [false]);
  assert.ok((await stored(foreign.digests)).every(Boolean));
  assert.deepEqual(await index.links.repositories({ limit: 10 }), [repositoryOf('quay.io', 'org/app')]);
});
