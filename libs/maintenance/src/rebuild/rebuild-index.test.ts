import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BlobStore, linksObjectKey, putBytes, tagObjectKey } from '@cistern/blob-store';
import { createStoredLinks, pinImage, readLinksObject, readTagObject, removeLink, removeTag } from '@cistern/content';
import type { CacheIndex, TagKey } from '@cistern/index';
import { createIndexServer, repositoryOf } from '@cistern/index/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, digestOf, parseReference, parseTag } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { startTestCache } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { type RebuildProgress, rebuildIndex, rereadParts } from './rebuild-index.ts';
import { createPinnedDigests } from '../eviction/create-pinned-digests.ts';
import { startIndexKeeper } from './start-index-keeper.ts';

const repositories = [
  repositoryOf('docker.io', 'library/nginx'),
  repositoryOf('docker.io', 'library/nginx/nested'),
  repositoryOf('quay.io', 'library/nginx'),
];
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const log = createLogger({ level: 'error', formatter: 'json' });
const quiet = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });

/** A cache with images of three repositories, and an index that knows nothing of them. */
async function startLost(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub, quay, store, clock } = started;
  const tags: TagKey[] = [];
  const digests = new Set<Digest>();
  for (const [number, key] of repositories.entries()) {
    const upstream = key.upstream === 'quay.io' ? quay : hub;
    // The second layer is the same everywhere.
    const layers = [bytesOf(70_000 + number, number + 1), bytesOf(50_000, 99)].map((bytes) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: upstream.addBlob(key.repository, bytes),
      size: bytes.length,
    }));
    const document = { schemaVersion: 2, mediaType, config: layers[1], layers };
    const tag = parseTag(`v${number}`);
    digests.add(upstream.addManifest(key.repository, tag, Buffer.from(JSON.stringify(document)), mediaType));
    await cache.openManifest({ ...key, reference: parseReference(tag) });
    for (const { digest } of layers) {
      digests.add(digest);
      await collect(await (await cache.openBlob({ ...key, digest, intent: 'whole' })).read());
    }
    tags.push({ ...key, tag });
  }
  await until(async () => (await started.index.blobs.totals()).blobs === digests.size);
  const now = () => clock.nowMs;
  const { connect, loseData } = createIndexServer({ now });
  loseData();
  const lost = connect();
  const options = { index: lost, store, log, now, clock };
  return { ...started, lost, loseData, options, tags, digests };
}

async function contentOf(index: CacheIndex, tags: readonly TagKey[], digests: ReadonlySet<Digest>) {
  const links = [];
  for (const key of repositories) for (const digest of digests) links.push(await index.links.get(key, digest));
  return {
    totals: await index.blobs.totals(),
    repositories: await index.links.repositories({ limit: 10 }),
    tags: await Promise.all(tags.map(async (tag) => (await index.tags.get(tag))?.digest)),
    manifests: await Promise.all([...digests].map(async (digest) => (await index.manifests.get(digest))?.mediaType)),
    links,
  };
}

test('from the store alone the index is as it was, to be confirmed and verified again', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const progress: RebuildProgress[] = [];
  const result = await rebuildIndex({ ...options, onProgress: (report) => progress.push(report) });
  const expected = { blobs: 7, blobsAdded: 7, manifests: 3, tags: 3, tagsAdded: 3, failed: 0, step: 'done' as const };
  assert.deepEqual(result, { ...expected, isComplete: true });
  assert.deepEqual(progress.at(-1), expected);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
  for (const digest of digests) assert.equal((await lost.blobs.get(digest))?.verified, false);
  for (const tag of tags) assert.equal((await lost.tags.get(tag))?.checkedAtMs, 0);
  const again = await rebuildIndex(options);
  assert.deepEqual([again.blobsAdded, again.tagsAdded], [0, 0]);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
});

test('what is there already is newer, and stays', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const [first] = tags;
  const tag = { ...(await index.tags.get(first!))!, digest: digestOf(Buffer.from('newer')), sequence: 2 };
  await lost.tags.put(tag);
  const [digest] = digests;
  const blob = { ...(await index.blobs.get(digest!))!, verified: true, lastPulledAtMs: 1 };
  await lost.blobs.put(blob);
  const absent = { ...blob, digest: digestOf(Buffer.from('on its way')), size: 5 };
  await lost.blobs.put(absent);
  const result = await rebuildIndex(options);
  assert.deepEqual([result.blobsAdded, result.tagsAdded], [6, 2]);
  assert.deepEqual(await lost.tags.get(tag), tag);
  assert.deepEqual(await lost.blobs.get(blob.digest), blob);
  assert.deepEqual(await lost.blobs.get(absent.digest), absent);
  const { blobs, bytes } = await index.blobs.totals();
  assert.deepEqual(await lost.blobs.totals(), { blobs: blobs + 1, bytes: bytes + 5 });
});

test('what is no object of ours, or says nothing, is passed over', async (t) => {
  const { index, lost, options, store, tags, digests } = await startLost(t);
  const [key] = repositories;
  const nothing = digestOf(Buffer.from('nothing'));
  await store.writeObject(linksObjectKey(key!.upstream, key!.repository, nothing), Buffer.from('{'));
  await store.writeObject(tagObjectKey({ ...key!, tag: parseTag('broken') }), Buffer.from('{"schema":1}'));
  await store.writeObject('cistern/links/README', Buffer.from('hello'));
  await store.writeObject('cistern/tags/docker.io/x', Buffer.from('hello'));
  // An emptied file, as other caches leave it; and a manifest whose bytes are gone.
  await putBytes(store, nothing, Buffer.alloc(0));
  const manifest = (await index.tags.get(tags[0]!))!.digest;
  await store.remove(manifest);
  const result = await rebuildIndex(options);
  assert.equal(result.isComplete, true);
  assert.equal(await lost.blobs.get(nothing), undefined);
  assert.equal(await lost.manifests.get(manifest), undefined);
  assert.equal((await lost.blobs.totals()).blobs, digests.size - 1);
});

test('a rebuild that is cut off goes on where it was, after a restart too', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const listed: string[] = [];
  let isDown = true;
  const store = {
    ...options.store,
    list(shard?: string) {
      listed.push(shard ?? 'all');
      return options.store.list(shard);
    },
    async *listObjects(prefix: string) {
      listed.push(prefix);
      if (isDown && prefix === 'cistern/tags/') throw new CacheError('store-unavailable', 'The store is down.');
      yield* options.store.listObjects(prefix);
    },
  };
  await assert.rejects(rebuildIndex({ ...options, store }), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  assert.equal(await lost.epoch.isComplete(), false);
  isDown = false;
  listed.length = 0;
  assert.equal((await rebuildIndex({ ...options, store })).tagsAdded, tags.length);
  assert.deepEqual(new Set(listed), new Set(['cistern/tags/']));
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
  const aborted = rebuildIndex({ ...options, signal: AbortSignal.abort(new Error('stopped')) });
  await assert.rejects(aborted, /stopped/);
  // What is complete is read through once more, and its leases are free again.
  listed.length = 0;
  await rebuildIndex({ ...options, store });
  assert.equal(listed.length, 256 + 3 * 8);
});

test('workers rebuild side by side, and none does what another does', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const listed: string[] = [];
  const store = {
    ...options.store,
    async *list(shard?: string) {
      listed.push(shard ?? 'all');
      await new Promise((resolve) => setTimeout(resolve, 10));
      yield* options.store.list(shard);
    },
  };
  const results = await Promise.all([1, 2, 3].map(() => rebuildIndex({ ...options, store })));
  assert.ok(results.every(({ isComplete }) => isComplete));
  assert.ok(results.every(({ blobs }) => blobs < digests.size));
  assert.equal(results.reduce((sum, { blobsAdded }) => sum + blobsAdded, 0), digests.size);
  assert.equal(listed.length, 256);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
});

test('a worker goes on with the part of one that died', async (t) => {
  const { lost, options, digests } = await startLost(t);
  for (const part of ['blobs/00', 'blobs/ff']) await lost.leases.acquire(`rebuild/${part}`, 'dead', 5_000);
  const rebuilding = rebuildIndex(options);
  await until(async () => (await lost.epoch.marks(await lost.epoch.current())).size === 2 * 254);
  assert.equal(await lost.epoch.isComplete(), false);
  options.clock.nowMs += 5_000;
  assert.equal((await rebuilding).isComplete, true);
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
});

/** The store of `startLost`, where reading some keys fails. */
function unreadable(store: BlobStore, isBroken: (key: string) => boolean): BlobStore {
  return {
    ...store,
    async readObject(key: string) {
      if (isBroken(key)) throw new CacheError('store-unavailable', `EIO: ${key}`);
      return store.readObject(key);
    },
  };
}

test('an object that cannot be read does not keep the index from being complete, and is found in the store', async (t) => {
  const { lost, options, tags, clock } = await startLost(t);
  const [key] = repositories;
  const manifest = (await options.index.tags.get(tags[0]!)) ?? (await readTagObject(options.store, tags[0]!, 0));
  const broken = linksObjectKey(key!.upstream, key!.repository, manifest!.digest);
  let isBroken = true;
  const store = unreadable(options.store, (name) => isBroken && name === broken);
  const links = await readLinksObject(options.store, key!, manifest!.digest);
  for await (const held of options.store.listObjects('cistern/held/')) await options.store.removeObject(held);
  const layer = links!.at(1)!.digest;
  const result = await rebuildIndex({ ...options, store });
  assert.partialDeepStrictEqual(result, { isComplete: true, failed: 1, blobs: 7, manifests: 2, tags: 3 });
  assert.equal(await lost.links.get(key!, layer), undefined);
  // Whoever looks for a link of that repository asks the store.
  const stored = createStoredLinks({ index: lost, store, log: quiet, now: () => clock.nowMs });
  await assert.rejects(stored.find(key!, layer), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal(await rereadParts({ ...options, store }), 1);
  isBroken = false;
  clock.nowMs += 60_000;
  assert.equal((await stored.find(key!, layer))?.digest, layer);
  // And of others what the index says counts.
  assert.equal(await stored.find(repositories[1]!, digestOf(Buffer.from('none'))), undefined);
  assert.equal(await rereadParts({ ...options, store }), 0);
  assert.equal((await lost.links.get(key!, manifest!.digest))?.confirmed, true);
  assert.equal((await lost.manifests.get(manifest!.digest))?.mediaType, mediaType);
});

test('a pinned image keeps its parts where its links object cannot be read', async (t) => {
  const { lost, options, tags } = await startLost(t);
  const [tag] = tags;
  await pinImage(options.store, { ...tag!, reference: parseReference(tag!.tag) });
  const manifest = (await readTagObject(options.store, tag!, 0))!.digest;
  const parts = (await readLinksObject(options.store, tag!, manifest))!.map(({ digest }) => digest);
  const store = unreadable(options.store, (name) => name.startsWith('cistern/links/'));
  assert.equal((await rebuildIndex({ ...options, store })).isComplete, true);
  assert.equal(await lost.manifests.get(manifest), undefined);
  assert.deepEqual(await createPinnedDigests({ ...options, store })(), new Set(parts));
});

test('an object that fails once is read again before its part ends', async (t) => {
  const { options } = await startLost(t);
  const failed = new Set<string>();
  const store = unreadable(options.store, (name) => {
    if (!name.startsWith('cistern/') || failed.has(name)) return false;
    failed.add(name);
    return true;
  });
  assert.partialDeepStrictEqual(await rebuildIndex({ ...options, store }), { isComplete: true, failed: 0, manifests: 3 });
  assert.ok(failed.size > 0);
});

test('while the store does not answer no object is passed over', async (t) => {
  const { lost, options } = await startLost(t);
  const store = {
    ...unreadable(options.store, (name) => name.startsWith('cistern/links/')),
    stat: async () => Promise.reject(new CacheError('store-unavailable', 'down')),
  };
  await assert.rejects(rebuildIndex({ ...options, store }), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal(await lost.epoch.isComplete(), false);
});

test('what is removed while it is rebuilt does not come back', async (t) => {
  const { lost, options, tags } = await startLost(t);
  const deps = { index: lost, store: options.store, adoptAs: undefined };
  const [tag] = tags;
  const manifest = (await readTagObject(options.store, tag!, 0))!.digest;
  const remove = new Map<string, () => Promise<unknown>>([
    [tagObjectKey(tag!), () => removeTag(deps, tag!)],
    [linksObjectKey(tag!.upstream, tag!.repository, manifest), () => removeLink(deps, tag!, manifest)],
  ]);
  const store = {
    ...options.store,
    async readObject(key: string) {
      const bytes = await options.store.readObject(key);
      await remove.get(key)?.();
      return bytes;
    },
  };
  await rebuildIndex({ ...options, store });
  assert.equal(await lost.tags.get(tag!), undefined);
  assert.equal(await lost.links.get(tag!, manifest), undefined);
});

test('a rebuild during which the index was lost again says so', async (t) => {
  const { lost, options, loseData } = await startLost(t);
  const adopt: CacheIndex['blobs']['adopt'] = async (record) => {
    loseData();
    return lost.blobs.adopt(record);
  };
  const index: CacheIndex = { ...lost, blobs: { ...lost.blobs, adopt } };
  assert.equal((await rebuildIndex({ ...options, index })).isComplete, false);
  assert.equal(await lost.epoch.isComplete(), false);
  assert.equal((await rebuildIndex(options)).isComplete, true);
});

test('a keeper rebuilds the index whenever it is not complete', async (t) => {
  const { lost, options, digests, loseData } = await startLost(t);
  const keeper = startIndexKeeper(options);
  t.after(() => keeper.close());
  await until(() => lost.epoch.isComplete());
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  loseData();
  await until(() => lost.epoch.isComplete());
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  await keeper.close();
  await keeper.close();
});

test('a keeper reads again what a rebuild could not read', async (t) => {
  const { lost, options, tags } = await startLost(t);
  let isBroken = true;
  const store = unreadable(options.store, (name) => isBroken && name.startsWith('cistern/links/'));
  const keeper = startIndexKeeper({ ...options, log: quiet, store });
  t.after(() => keeper.close());
  await until(() => lost.epoch.isComplete());
  const manifests = async () =>
    Promise.all(tags.map(async (tag) => lost.links.get(tag, (await lost.tags.get(tag))!.digest)));
  assert.ok((await manifests()).every((link) => link === undefined));
  isBroken = false;
  // The keeper rereads later than the limit of `until`.
  await new Promise((resolve) => setTimeout(resolve, 150_000));
  assert.ok((await manifests()).every((link) => link?.confirmed));
});

test('a keeper that is closed leaves its rebuild, and its lease to others', async (t) => {
  const { lost, options } = await startLost(t);
  const begun = Promise.withResolvers<void>();
  const store = {
    ...options.store,
    async *list(shard?: string) {
      for await (const blob of options.store.list(shard)) {
        yield blob;
        begun.resolve();
        await new Promise(setImmediate);
      }
    },
  };
  const keeper = startIndexKeeper({ ...options, store });
  await begun.promise;
  await keeper.close();
  assert.equal(await lost.epoch.isComplete(), false);
  assert.equal((await rebuildIndex(options)).isComplete, true);
});
