import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { linksObjectKey, putBytes, tagObjectKey } from '@cistern/blob-store';
import type { CacheIndex, TagKey } from '@cistern/index';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, digestOf, parseReference, parseTag } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { startTestCache } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { type RebuildProgress, rebuildIndex } from './rebuild-index.ts';
import { startIndexKeeper } from './start-index-keeper.ts';

const repositories = [
  repositoryOf('docker.io', 'library/nginx'),
  repositoryOf('docker.io', 'library/nginx/nested'),
  repositoryOf('quay.io', 'library/nginx'),
];
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const log = createLogger({ level: 'error', formatter: 'json' });

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
  const lost = createTestIndex({ now });
  const options = { index: lost, store, log, now };
  return { ...started, lost, options, tags, digests };
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
  const expected = { blobs: 7, blobsAdded: 7, manifests: 3, tags: 3, tagsAdded: 3, step: 'done' as const };
  assert.deepEqual(result, { ...expected, isComplete: true });
  assert.deepEqual(progress.at(-1), expected);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
  for (const digest of digests) assert.equal((await lost.blobs.get(digest))?.verified, false);
  for (const tag of tags) assert.equal((await lost.tags.get(tag))?.checkedAtMs, 0);
  const again = await rebuildIndex(options);
  assert.deepEqual([again?.blobsAdded, again?.tagsAdded], [0, 0]);
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
  assert.deepEqual([result?.blobsAdded, result?.tagsAdded], [6, 2]);
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
  assert.equal(result?.isComplete, true);
  assert.equal(await lost.blobs.get(nothing), undefined);
  assert.equal(await lost.manifests.get(manifest), undefined);
  assert.equal((await lost.blobs.totals()).blobs, digests.size - 1);
});

test('one process rebuilds at a time, and a rebuild that is cut off goes on in the next', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  await lost.leases.acquire('rebuild', 'somebody', 60_000);
  assert.equal(await rebuildIndex(options), undefined);
  assert.equal((await lost.blobs.totals()).blobs, 0);
  await lost.leases.release('rebuild', 'somebody');
  const store = {
    ...options.store,
    async *listObjects(prefix: string) {
      if (prefix === 'cistern/tags/') throw new CacheError('store-unavailable', 'The store is down.');
      yield* options.store.listObjects(prefix);
    },
  };
  await assert.rejects(rebuildIndex({ ...options, store }), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  assert.equal((await rebuildIndex(options))?.tagsAdded, tags.length);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
  const aborted = rebuildIndex({ ...options, signal: AbortSignal.abort(new Error('stopped')) });
  await assert.rejects(aborted, /stopped/);
  // Its lease is free again.
  assert.notEqual(await rebuildIndex(options), undefined);
});

/** The epoch of an index that can be lost. */
function losable(inner: CacheIndex) {
  const state = { complete: false, epoch: 1 };
  const index: CacheIndex = {
    ...inner,
    epoch: {
      isComplete: async () => state.complete,
      current: async () => String(state.epoch),
      markComplete: async (epoch) => (state.complete = epoch === String(state.epoch)),
    },
  };
  return { state, index };
}

test('a rebuild during which the index was lost again says so', async (t) => {
  const { options } = await startLost(t);
  const { state, index } = losable(options.index);
  const adopt: CacheIndex['blobs']['adopt'] = async (record) => {
    state.epoch = 2;
    return options.index.blobs.adopt(record);
  };
  const result = await rebuildIndex({ ...options, index: { ...index, blobs: { ...index.blobs, adopt } } });
  assert.equal(result?.isComplete, false);
  assert.equal(state.complete, false);
  assert.equal((await rebuildIndex({ ...options, index }))?.isComplete, true);
});

test('a keeper rebuilds the index whenever it is not complete', async (t) => {
  const { options, digests } = await startLost(t);
  const { state, index } = losable(options.index);
  const keeper = startIndexKeeper({ ...options, index });
  t.after(() => keeper.close());
  await until(() => state.complete);
  assert.equal((await index.blobs.totals()).blobs, digests.size);
  for (const digest of digests) await index.blobs.remove(digest);
  state.complete = false;
  await until(() => state.complete);
  assert.equal((await index.blobs.totals()).blobs, digests.size);
  await keeper.close();
  await keeper.close();
});

test('a keeper that is closed leaves its rebuild, and its lease to others', async (t) => {
  const { options } = await startLost(t);
  const { state, index } = losable(options.index);
  const begun = Promise.withResolvers<void>();
  const store = {
    ...options.store,
    async *list() {
      for await (const blob of options.store.list()) {
        yield blob;
        begun.resolve();
        await new Promise(setImmediate);
      }
    },
  };
  const keeper = startIndexKeeper({ ...options, store, index });
  await begun.promise;
  await keeper.close();
  assert.equal(state.complete, false);
  assert.equal((await rebuildIndex({ ...options, index }))?.isComplete, true);
});
