// Tests manifests with far more parts than images have. Each part would cost links, index memory, and time of all
// clients.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { CacheError, type CacheErrorKind, isCacheError } from '@cistern/errors';
import { type Digest, digestOf, maxManifestChildren, mediaTypes, parseReference } from '@cistern/oci';
import { partsOf, readLinksObject, writeLinksObject } from '@cistern/content';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '@cistern/pull-through/testing';
import { collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const latest = { ...library, reference: parseReference('latest') };
const mediaType = mediaTypes.ociManifest;

async function start(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  return started;
}

const child = (at: number) => ({ mediaType: 'a/b', digest: digestOf(Buffer.from(`${at}`)), size: 1 });
const children = (count: number) => Array.from({ length: count }, (_, at) => child(at));
const manifestOf = (layers: readonly object[]) =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: child(-1), layers }));

const isRefused = (error: unknown) =>
  isCacheError(error, 'content-mismatch') && /more than 2000 layers or manifests/.test(error.message);

test('a manifest of more than 2,000 parts is rejected, and nothing of it is stored', async (t) => {
  const { cache, hub, store, index, metrics } = await start(t);
  const digest = hub.addManifest(library.repository, 'latest', manifestOf(children(maxManifestChildren)), mediaType);
  for (const reference of [latest.reference, parseReference(digest)])
    await assert.rejects(() => cache.openManifest({ ...library, reference }), isRefused);
  assert.equal(await store.stat(digest), undefined);
  assert.equal(await readLinksObject(store, library, digest), undefined);
  assert.deepEqual(await index.links.digests(library), []);
  assert.equal(await index.manifests.get(digest), undefined);
  // The bytes match their digest, so no mismatch is counted.
  const counted = await metrics.registry.getSingleMetricAsString('cistern_content_mismatches_total');
  assert.doesNotMatch(counted, / [1-9]/);
});

test('a manifest of 2,000 parts is served, also if it names some of them twice', async (t) => {
  const { cache, hub, index } = await start(t);
  const layers = children(maxManifestChildren - 1);
  const bytes = manifestOf([...layers, ...layers.slice(0, 300)]);
  hub.addManifest(library.repository, 'latest', bytes, mediaType);
  assert.ok((await cache.openManifest(latest)).bytes.equals(bytes));
  assert.equal((await index.links.digests(library)).length, maxManifestChildren + 1);
});

test('all nodes remember a rejection for a while, for one repository', async (t) => {
  const { cache, restartFrontend, hub, clock } = await start(t);
  const bytes = manifestOf(children(3000));
  const digest = hub.addManifest(library.repository, 'latest', bytes, mediaType);
  hub.addManifest('library/other', 'latest', bytes, mediaType);
  const gets = () => hub.calls.filter((call) => call === 'get-manifest').length;
  const refuse = async (request: Parameters<typeof cache.openManifest>[0]) => {
    for (const node of [cache, restartFrontend()]) await assert.rejects(() => node.openManifest(request), isRefused);
  };
  const byDigest = { ...library, reference: parseReference(digest) };
  await refuse(latest);
  await refuse({ ...latest, forceRevalidation: true });
  await refuse(byDigest);
  assert.equal(gets(), 1);
  await refuse({ ...latest, repository: repositoryOf('docker.io', 'library/other').repository });
  assert.equal(gets(), 2);
  clock.nowMs += 31_000;
  hub.addManifest(library.repository, 'latest', manifestOf(children(3)), mediaType);
  assert.equal((await cache.openManifest(latest)).cache, 'MISS', 'the tag was fixed');
  await refuse(byDigest);
  assert.equal(gets(), 3);
  clock.nowMs += 121_000;
  await refuse(byDigest);
  assert.equal(gets(), 4);
});

test('a tag that moves to such a manifest is served stale', async (t) => {
  const { cache, hub, clock } = await start(t);
  const good = manifestOf(children(3));
  hub.addManifest(library.repository, 'latest', good, mediaType);
  await cache.openManifest(latest);
  hub.addManifest(library.repository, 'latest', manifestOf(children(3000)), mediaType);
  clock.nowMs += 3_600_000;
  const served = await cache.openManifest(latest);
  assert.deepEqual([served.cache, served.bytes.equals(good)], ['STALE', true]);
});

for (const [what, count] of [
  ['has more than 2,000 parts', 3_000],
  ['has too many JSON values', 20_000],
] as const)
  test(`a stored manifest that ${what} is served, and links 2,000 parts at most`, async (t) => {
    const { cache, hub, store, index } = await start(t);
    const bytes = manifestOf(children(count));
    const digest = digestOf(bytes);
    await putBytes(store, digest, bytes);
    const link = (one: Digest, kind: 'manifest' | 'blob') => ({ ...library, digest: one, kind, size: 1, mediaType });
    const parts = [child(-1), ...children(count)].map((part) => link(part.digest, 'blob'));
    await writeLinksObject(store, library, [link(digest, 'manifest'), ...parts], 0);
    hub.script.down = new CacheError('upstream-unreachable' satisfies CacheErrorKind, 'down');
    const served = await cache.openManifest({ ...library, reference: parseReference(digest) });
    assert.deepEqual([served.mediaType, served.bytes.equals(bytes)], [mediaType, true]);
    assert.equal((await index.links.digests(library)).length, maxManifestChildren + 1);
  });

const isNone = (error: unknown) => isCacheError(error, 'content-mismatch');

test('a blob that an index lists as a manifest is not read again for each request', async (t) => {
  let reads = 0;
  const blob = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, layers: 'none' }));
  const listed = { mediaType, digest: digestOf(blob), size: blob.length };
  const started = await startTestCache({
    wrapStore: (store) => ({
      ...store,
      open(digest, ...given) {
        if (digest === listed.digest) reads += 1;
        return store.open(digest, ...given);
      },
    }),
  });
  t.after(() => started.close());
  const { cache, hub } = started;
  hub.addBlob(library.repository, blob);
  hub.addManifest(library.repository, undefined, blob, mediaType);
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [listed] };
  hub.addManifest(library.repository, 'latest', Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex);
  await cache.openManifest(latest);
  await collect(await (await cache.openBlob({ ...library, digest: listed.digest, intent: 'whole' })).read());
  const request = () => cache.openManifest({ ...library, reference: parseReference(listed.digest) });
  await assert.rejects(request, isNone);
  const readsOfFirst = reads;
  assert.ok(readsOfFirst > 0);
  for (let count = 0; count < 5; count += 1) await assert.rejects(request, isNone);
  assert.equal(reads, readsOfFirst);
});

const readIndex = async () => ({
  mediaType: mediaTypes.ociIndex,
  bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: children(40) })),
});

test('the parts of nested indexes are counted up to a limit', async () => {
  const top = digestOf(Buffer.from('top'));
  assert.equal((await partsOf(top, readIndex, 10)).size, 10);
  assert.equal((await partsOf(top, readIndex)).size, 40);
});
