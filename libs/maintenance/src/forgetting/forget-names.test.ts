// Tests which names are forgotten, and which of their records stay.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { linksObjectKey, tagObjectKey } from '@cistern/blob-store';
import { pinImage, readLinksObject } from '@cistern/content';
import { CacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import { type Digest, mediaTypes, parseReference } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { addImage, type TestImage } from '@cistern/upstream/testing';
import { imageName, startForgettingCache } from '../testing/start-forgetting-cache.ts';
import { startForgetter } from './start-forgetter.ts';

const dayMs = 86_400_000;
const app = repositoryOf('docker.io', 'library/app');

const none = { tags: 0, manifests: 0, failed: 0 };

/** Pulls one image of a repository for each tag. The last is pulled a day later and stays. */
async function startImages(t: TestContext, tags: readonly string[]) {
  const started = await startForgettingCache(t, dayMs);
  const images = tags.map((tag, at) => addImage(started.hub, { repository: app.repository, tag, layers: [at] }));
  for (const [at, image] of images.entries()) {
    if (at === images.length - 1) started.clock.nowMs += dayMs;
    await started.pull(image);
  }
  return { ...started, images };
}

test('a name with an evicted manifest is forgotten with all its records after it was not confirmed for long', async (t) => {
  const { images, forget, evict, clock, tagOf, links, store, pull, hub } = await startImages(t, [
    'old',
    'here',
    'kept',
  ]);
  const [old, here, last] = images as [TestImage, TestImage, TestImage];
  await evict(old.digests);
  clock.nowMs -= 1;
  assert.deepEqual(await forget({ forgetAfterMs: 2 * dayMs }), none);
  assert.deepEqual(await forget(), none);
  clock.nowMs += 1;
  assert.deepEqual(await forget(), { ...none, tags: 1, manifests: 1 });
  assert.equal(await tagOf(old), undefined);
  assert.equal((await tagOf(here))?.digest, here.manifest);
  assert.deepEqual(await links(app.repository), new Set([...here.digests, ...last.digests]));
  for await (const key of store.listObjects('cistern/'))
    assert.ok(!old.digests.some((digest) => key.includes(digest)) && !key.includes('_tags/old'), key);
  assert.deepEqual(await forget(), none);
  const before = hub.calls.length;
  await pull(old);
  assert.deepEqual(hub.calls.slice(before), ['get-manifest', 'get-blob', 'get-blob']);
});

test('a name that the upstream confirmed later stays, and so does a pinned one', async (t) => {
  const { images, forget, evict, clock, tagOf, links, store, cache, policy } = await startImages(t, [
    'a',
    'b',
    'c',
    'd',
  ]);
  const [confirmed, pinned, byDigest] = images as [TestImage, TestImage, TestImage];
  await pinImage(store, imageName(pinned));
  await pinImage(store, { ...app, reference: { kind: 'digest', digest: byDigest.manifest } });
  for (const image of [confirmed, pinned, byDigest]) await evict([image.manifest]);
  Object.assign(policy, { ttlMs: 0 });
  await cache.statManifest(imageName(confirmed));
  clock.nowMs += dayMs / 2;
  // The upstream last returned the manifest by digest a day ago.
  assert.deepEqual(await forget(), { ...none, manifests: 1 });
  for (const image of [confirmed, pinned, byDigest]) assert.notEqual(await tagOf(image), undefined);
  const known = await links(app.repository);
  for (const image of [pinned, byDigest]) for (const digest of image.digests) assert.ok(known.has(digest));
});

test('parts that another image of the repository names stay', async (t) => {
  const started = await startForgettingCache(t, dayMs);
  const { forget, evict, clock, links, pull, hub, cache } = started;
  const old = addImage(hub, { repository: app.repository, tag: 'old', layers: [1, 2] });
  const shares = addImage(hub, { repository: app.repository, tag: 'shares', layers: [2, 3] });
  const foreign = addImage(hub, { repository: 'library/foreign', tag: 'a', layers: [1] });
  const platforms = { os: 'linux', architecture: 'arm64' };
  const listed = { mediaType: mediaTypes.ociManifest, digest: old.manifest, size: 1, platform: platforms };
  for (const image of [old, shares, foreign]) await pull(image);
  const [, layer1, layer2] = old.blobs as [Digest, Digest, Digest];
  await evict([old.manifest, layer2]);
  clock.nowMs += dayMs;
  assert.deepEqual(await forget(), { ...none, tags: 1, manifests: 1 });
  // The layer's bytes are stored, because another repository holds them.
  assert.ok(!(await links(app.repository)).has(layer1));
  assert.deepEqual(await links(app.repository), new Set(shares.digests));
  assert.deepEqual(await links('library/foreign'), new Set(foreign.digests));
  // An index keeps the manifest of each platform that it lists.
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [listed] };
  hub.addManifest(app.repository, 'index', Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex);
  await cache.openManifest({ ...app, reference: parseReference('index') });
  await pull(old);
  await evict([old.manifest, shares.manifest]);
  clock.nowMs += dayMs;
  assert.deepEqual(await forget(), { ...none, tags: 2, manifests: 1 });
  const platform = 'linux/arm64';
  assert.partialDeepStrictEqual(await started.index.links.get(app, old.manifest), { confirmed: true, platform });
  const known = await links(app.repository);
  for (const digest of old.digests) assert.ok(known.has(digest));
  for (const digest of [shares.manifest, shares.blobs[2]!]) assert.ok(!known.has(digest));
});

test('at most ten names are kept for each cached one, and the oldest are forgotten first', async (t) => {
  const room = 3;
  const images = 80;
  const { forget, evict, clock, pull, hub, kept, tagOf } = await startForgettingCache(t, 365 * dayMs);
  const pulled: TestImage[] = [];
  let ofRoom: Awaited<ReturnType<typeof kept>> | undefined;
  for (let number = 0; number < images; number += 1) {
    const image = addImage(hub, { repository: `org/app${number % 7}`, tag: `v${number}`, layers: [number] });
    clock.nowMs += 61_000;
    await pull(image);
    pulled.push(image);
    if (number === room - 1) ofRoom = await kept();
    if (number >= room) await evict(pulled[number - room]!.digests);
  }
  const before = await kept();
  assert.ok(before.tags === images && before.links === images * 3);
  assert.partialDeepStrictEqual(await forget(), { failed: 0, tags: images - 10 * room });
  const after = await kept();
  t.diagnostic(JSON.stringify({ ofRoom, before, after }));
  for (const what of ['tags', 'links', 'objects'] as const) assert.ok(after[what] <= 10 * ofRoom![what], what);
  for (const [number, image] of pulled.entries())
    assert.equal((await tagOf(image)) !== undefined, number >= images - 10 * room, image.tag);
});

test('a tag that a client just requested stays, however few images are cached', async (t) => {
  const { forget, clock, cache, hub, tagOf } = await startForgettingCache(t, dayMs);
  const image = addImage(hub, { repository: app.repository, tag: 'a', layers: [1] });
  await cache.statManifest(imageName(image));
  clock.nowMs += 59_999;
  assert.deepEqual(await forget(), none);
  clock.nowMs += 1;
  assert.deepEqual(await forget(), { ...none, tags: 1 });
  assert.equal(await tagOf(image), undefined);
});

test('a tag that is confirmed during the pass stays, with its object', async (t) => {
  const { images, forget, evict, deps, store, index } = await startImages(t, ['old', 'kept']);
  const [old] = images as [TestImage];
  const tag = { ...app, tag: old.tag };
  await evict(old.digests);
  const confirmed = { ...(await index.tags.get(tag))!, checkedAtMs: deps.now() };
  const removeObject = async (key: string) => {
    const was = await store.removeObject(key);
    if (key === tagObjectKey(tag)) await index.tags.put(confirmed);
    return was;
  };
  assert.deepEqual(await forget({ store: { ...store, removeObject } }), { ...none, manifests: 1 });
  assert.deepEqual(await index.tags.get(tag), confirmed);
  assert.notEqual(await store.readObject(tagObjectKey(tag)), undefined);
});

test('a manifest that is pulled during the pass stays, with its links and their object', async (t) => {
  for (const when of ['before', 'after'] as const) {
    const { images, forget, evict, store, index, pull, links } = await startImages(t, ['old', 'kept']);
    const [old] = images as [TestImage];
    await evict([old.manifest]);
    const object = linksObjectKey(app.upstream, app.repository, old.manifest);
    const removeObject = async (key: string) => {
      if (key === object && when === 'before') await pull(old);
      const was = await store.removeObject(key);
      if (key === object && when === 'after') await pull(old);
      return was;
    };
    assert.partialDeepStrictEqual(await forget({ store: { ...store, removeObject } }), { manifests: 0 });
    assert.equal((await index.links.get(app, old.manifest))?.confirmed, true);
    const known = await links(app.repository);
    for (const digest of old.digests) assert.ok(known.has(digest), `${when} ${digest}`);
    assert.equal((await readLinksObject(store, app, old.manifest))?.length, old.digests.length);
  }
});

test('a manifest that arrives while another is forgotten keeps the parts of both', async (t) => {
  const { images, forget, evict, store, pull, hub, links } = await startImages(t, ['old', 'kept']);
  const [old] = images as [TestImage];
  await evict(old.digests);
  const comes = addImage(hub, { repository: app.repository, tag: 'new', layers: [0] });
  const object = linksObjectKey(app.upstream, app.repository, old.blobs[1]!);
  const removeObject = async (key: string) => {
    if (key === object) await pull(comes);
    return store.removeObject(key);
  };
  await forget({ store: { ...store, removeObject } });
  const known = await links(app.repository);
  for (const digest of comes.digests) assert.ok(known.has(digest), digest);
});

test('an object that fails does not stop the pass over other repositories', async (t) => {
  const { images, forget, evict, store, pull, hub, clock, links } = await startImages(t, ['old', 'kept']);
  const [old] = images as [TestImage];
  const other = addImage(hub, { repository: 'library/other', tag: 'a', layers: [7] });
  await pull(other);
  await evict([...old.digests, ...other.digests]);
  clock.nowMs += dayMs;
  const broken = linksObjectKey(app.upstream, app.repository, old.manifest);
  const readObject = async (key: string) => {
    if (key === broken) throw new CacheError('store-unavailable', 'EIO');
    return store.readObject(key);
  };
  assert.deepEqual(await forget({ store: { ...store, readObject } }), { tags: 2, manifests: 1, failed: 1 });
  assert.deepEqual(await links('library/other'), new Set());
  assert.ok((await links(app.repository)).has(old.manifest));
  assert.deepEqual(await forget(), { ...none, manifests: 1 });
});

test('an interrupted pass is resumed', async (t) => {
  const { images, forget, evict, store, kept, links } = await startImages(t, ['old', 'kept']);
  const [old, last] = images as [TestImage, TestImage];
  await evict(old.digests);
  let removals = 0;
  for (let mayRemove = 0; removals >= mayRemove; mayRemove += 1) {
    removals = 0;
    const removeObject = async (key: string) => {
      removals += 1;
      if (removals > mayRemove) throw new CacheError('index-unavailable', 'killed');
      return store.removeObject(key);
    };
    await forget({ store: { ...store, removeObject } }).catch(() => {});
  }
  assert.deepEqual(await links(app.repository), new Set(last.digests));
  assert.deepEqual(await kept(), { tags: 1, links: last.digests.length, objects: 2 + last.blobs.length });
});

test('lists of a repository without links are forgotten', async (t) => {
  const { hub, forget, clock, cache, store, pull } = await startForgettingCache(t, dayMs);
  const image = addImage(hub, { repository: app.repository, tag: 'a', layers: [1] });
  await pull(image);
  addImage(hub, { repository: 'library/listed', tag: 'a', layers: [1] });
  for (const repository of [app.repository, 'library/listed'])
    await cache.listTags(repositoryOf('docker.io', repository));
  const lists = async () => (await Array.fromAsync(store.listObjects('cistern/lists/'))).length;
  await until(async () => (await lists()) === 2);
  clock.nowMs += dayMs - 1;
  await forget();
  assert.equal(await lists(), 2);
  clock.nowMs += 1;
  await forget();
  assert.equal(await lists(), 1);
});

test('nothing is forgotten while the index is incomplete', async (t) => {
  const { images, forget, evict, index, tagOf } = await startImages(t, ['old', 'kept']);
  await evict(images[0]!.digests);
  const epoch = { ...index.epoch, isComplete: async () => false };
  assert.equal(await forget({ index: { ...index, epoch } }), undefined);
  assert.notEqual(await tagOf(images[0]!), undefined);
});

test('one of the workers forgets names again and again', async (t) => {
  const { deps, evict, hub, pull, clock, tagOf } = await startForgettingCache(t, 10_000);
  const image = addImage(hub, { repository: app.repository, tag: 'old', layers: [1] });
  await pull(image);
  let passes = 0;
  const list: typeof deps.index.links.repositories = (page) => {
    passes += 1;
    return deps.index.links.repositories(page);
  };
  const index = { ...deps.index, links: { ...deps.index.links, repositories: list } };
  const forgetters = [1, 2].map(() => startForgetter({ ...deps, index }));
  t.after(() => Promise.all(forgetters.map((forgetter) => forgetter.close())));
  await until(() => passes > 0);
  assert.notEqual(await tagOf(image), undefined);
  await evict(image.digests);
  clock.nowMs += 10_000;
  await until(async () => (await tagOf(image)) === undefined);
});
