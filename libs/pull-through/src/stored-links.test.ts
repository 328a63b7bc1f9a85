// If the index has no record of a manifest, its blobs are served if the store has their links.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { createCachedIndex } from '@cistern/index/cached';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, parseReference } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { startTestCache } from './testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const everywhere = () => ({});
const linksOfLibrary = 'cistern/links/docker.io/library/nginx/';

/** Starts two caches on one store. The first has pulled an image. The second has no records of it, and no upstream. */
async function startTwo(
  t: TestContext,
  wrapIndex: (index: CacheIndex) => CacheIndex,
  onList: (prefix: string) => void = () => {},
  onReadLinks: () => void = () => {},
) {
  const first = await startTestCache();
  t.after(() => first.close());

  /** Pulls another image of one layer with the first cache. */
  async function pullFirst(tag: string, bytes: Buffer) {
    const digest = first.hub.addBlob(library.repository, bytes);
    const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length };
    const document = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: layer, layers: [layer] }));
    const manifest = first.hub.addManifest(library.repository, tag, document, mediaType);
    await first.cache.openManifest({ ...library, reference: parseReference(tag) });
    await collect(await (await first.cache.openBlob({ ...library, digest, intent: 'whole' })).read());
    await until(async () => (await first.index.blobs.get(digest)) !== undefined);
    return { digest, manifest };
  }

  const bytes = bytesOf(200_000);
  const { digest, manifest } = await pullFirst('1', bytes);
  const listed: string[] = [];
  const linksRead: string[] = [];
  const wrapStore = (): BlobStore => ({
    ...first.store,
    listObjects(prefix) {
      onList(prefix);
      listed.push(prefix);
      return first.store.listObjects(prefix);
    },
    readObject(key) {
      if (key.startsWith(linksOfLibrary)) {
        onReadLinks();
        linksRead.push(key);
      }
      return first.store.readObject(key);
    },
  });
  const second = await startTestCache({ wrapIndex, wrapStore });
  t.after(() => second.close());
  const down = new CacheError('upstream-unreachable', 'The upstream is down.');
  second.hub.script.down = down;
  second.quay.script.down = down;
  return { first, second, pullFirst, bytes, digest, manifest, listed, linksRead };
}

const now = () => 1_700_000_000_000;

/** Opens a frontend's index that is unavailable from startup on. */
function openUnreachable(t: TestContext): CacheIndex {
  const index = createCachedIndex({
    index: createTestIndex({ now, faults: { failing: true } }),
    log: createLogger({ level: 'error', formatter: 'json' }),
  });
  t.after(() => index.close());
  return index;
}

const incomplete = (inner: CacheIndex): CacheIndex => ({
  ...inner,
  epoch: { ...inner.epoch, isComplete: async () => false },
});

for (const intent of ['whole', 'ranges', 'stat'] as const)
  test(`the store provides links that an incomplete index lacks (${intent})`, async (t) => {
    const { second, bytes, digest, listed } = await startTwo(t, incomplete);
    const blob = await second.cache.openBlob({ ...library, digest, intent });
    assert.deepEqual([blob.size, blob.cache], [bytes.length, 'HIT']);
    assert.ok((await collect(await blob.read())).equals(bytes));
    const open = () => second.cache.openBlob({ ...library, digest, intent });
    await Promise.all([open(), open(), open()]);
    // The link is read from the store only once, because the index has it after that.
    assert.deepEqual(listed, [linksOfLibrary]);
    assert.notEqual(await second.index.links.get(library, digest), undefined);
  });

test('links that were read from the store but not written to the index are remembered', async (t) => {
  const { second, bytes, digest, listed } = await startTwo(t, (inner) => ({
    ...incomplete(inner),
    links: { ...inner.links, put: async () => {} },
  }));
  for (let round = 0; round < 2; round += 1) {
    const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
    assert.ok((await collect(await blob.read())).equals(bytes));
  }
  assert.equal(listed.length, 1);
});

test('an index that becomes complete during a query is queried again', async (t) => {
  const { first, second, bytes, digest } = await startTwo(t, (inner) => ({
    ...inner,
    epoch: {
      ...inner.epoch,
      async isComplete() {
        // Simulates a rebuild that ends now.
        await inner.links.put(library, [(await first.index.links.get(library, digest))!]);
        return true;
      },
    },
  }));
  const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test('an index that becomes unavailable right after it was complete does not count as complete', async (t) => {
  let isUnavailable = false;
  const { second, bytes, digest, listed } = await startTwo(t, (inner) => ({
    ...inner,
    // Simulates an index with a cache, which returns nothing for records that it cannot query.
    links: {
      ...inner.links,
      get: async (...given) => (isUnavailable ? undefined : inner.links.get(...given)),
      holders: async (...given) => (isUnavailable ? [] : inner.links.holders(...given)),
    },
    epoch: { ...inner.epoch, isComplete: async () => !isUnavailable },
  }));
  const parent = repositoryOf('docker.io', 'library');
  await assert.rejects(second.cache.openBlob({ ...parent, digest, intent: 'whole' }));
  assert.deepEqual(listed, [], 'the index was complete');
  isUnavailable = true;
  const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test("the store provides a blob of another upstream's repository, for a caller with permission there", async (t) => {
  const { second, bytes, digest } = await startTwo(t, incomplete);
  const elsewhere = { ...library, upstream: 'quay.io' };
  const blob = await second.cache.openBlob({ ...elsewhere, digest, intent: 'whole', permissionAt: everywhere });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test('an index that loses its data right after it was complete is not trusted', async (t) => {
  let isLost = false;
  const { second, bytes, digest } = await startTwo(t, (inner) => ({
    ...inner,
    epoch: {
      ...inner.epoch,
      async isComplete() {
        const wasLost = isLost;
        isLost = true;
        return !wasLost;
      },
    },
  }));
  const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test('a second search finds links that were stored after the first, and reads only those', async (t) => {
  const { second, pullFirst, digest, listed, linksRead } = await startTwo(t, incomplete);
  await second.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.deepEqual([listed.length, linksRead.length], [1, 1]);
  const bytes = bytesOf(300_000);
  const { digest: since } = await pullFirst('2', bytes);
  const blob = await second.cache.openBlob({ ...library, digest: since, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  assert.deepEqual([listed.length, linksRead.length], [2, 2]);
  assert.notEqual(linksRead[0], linksRead[1]);
});

test('a repository without the blob gets nothing, and is not searched for each request', async (t) => {
  const { second, digest, listed } = await startTwo(t, incomplete);
  const parent = repositoryOf('docker.io', 'library');
  const looks = () => listed.filter((prefix) => prefix === 'cistern/links/docker.io/library/').length;
  const refused = () =>
    assert.rejects(second.cache.openBlob({ ...parent, digest, intent: 'whole' }), (error) =>
      isCacheError(error, 'upstream-unreachable'),
    );
  const beganAtMs = performance.now();
  for (let round = 0; round < 3; round += 1) await Promise.all(Array.from({ length: 20 }, refused));
  const seconds = (performance.now() - beganAtMs) / 1000;
  assert.ok(looks() >= 3, 'a missing link is searched for again');
  assert.ok(looks() <= 2 + 4 * seconds, `${looks()} looks in ${seconds} s`);
});

test('a complete index is trusted', async (t) => {
  const { second, digest, listed } = await startTwo(t, (index) => index);
  const open = () => second.cache.openBlob({ ...library, digest, intent: 'whole' });
  await assert.rejects(open, (error) => isCacheError(error, 'upstream-unreachable'));
  assert.deepEqual(listed, []);
});

test('tags, manifests and blobs are served from the store while the index is unavailable', async (t) => {
  const { second, bytes, digest, manifest, listed } = await startTwo(t, () => openUnreachable(t));
  for (let round = 0; round < 2; round += 1) {
    const opened = await second.cache.openManifest({ ...library, reference: parseReference('1') });
    assert.deepEqual([opened.digest, opened.cache], [manifest, 'STALE']);
    await second.cache.openManifest({ ...library, reference: parseReference(manifest) });
    const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
    assert.ok((await collect(await blob.read())).equals(bytes));
  }
  assert.deepEqual(listed, []);
  // This frontend has not read the manifest of this blob.
  const { second: third } = await startTwo(t, () => openUnreachable(t));
  const blob = await third.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  const unknown = third.hub.addBlob(library.repository, bytesOf(10));
  const open = () => third.cache.openBlob({ ...library, digest: unknown, intent: 'whole' });
  await assert.rejects(open, (error) => isCacheError(error, 'index-unavailable'));
});

test('links that a search found before the store failed are used', async (t) => {
  let reads = 0;
  const { second, pullFirst, digest, linksRead } = await startTwo(t, incomplete, undefined, () => {
    reads += 1;
    if (reads > 1) throw new CacheError('store-unavailable', 'The store is down.');
  });
  const { digest: other } = await pullFirst('2', bytesOf(300_000));
  const open = (wanted: Digest) => second.cache.openBlob({ ...library, digest: wanted, intent: 'stat' });
  const opened = await Promise.allSettled([open(digest), open(other)]);
  assert.equal(linksRead.length, 1);
  assert.deepEqual(opened.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('a request goes to upstream if the store cannot be searched', async (t) => {
  const { second, digest } = await startTwo(t, incomplete, () => {
    throw new CacheError('store-unavailable', 'The store is down.');
  });
  const open = () => second.cache.openBlob({ ...library, digest, intent: 'whole' });
  await assert.rejects(open, (error) => isCacheError(error, 'upstream-unreachable'));
});
