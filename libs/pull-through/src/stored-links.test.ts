// A blob is served whose manifest this index never heard of, as long as the store knows that the repository holds it.
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

/** Two caches on one store: the first has pulled an image, the second has never heard of it and cannot ask anybody. */
async function startTwo(
  t: TestContext,
  wrapIndex: (index: CacheIndex) => CacheIndex,
  onList: (prefix: string) => void = () => {},
  onReadLinks: () => void = () => {},
) {
  const first = await startTestCache();
  t.after(() => first.close());

  /** The first pulls another image of one layer. */
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
  const down = new CacheError('upstream-unreachable', 'There is no upstream.');
  second.hub.script.down = down;
  second.quay.script.down = down;
  return { first, second, pullFirst, bytes, digest, manifest, listed, linksRead };
}

const now = () => 1_700_000_000_000;

/** What a frontend has of an index that cannot be reached from its start on. */
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
  test(`an incomplete index is made up for by the store (${intent})`, async (t) => {
    const { second, bytes, digest, listed } = await startTwo(t, incomplete);
    const blob = await second.cache.openBlob({ ...library, digest, intent });
    assert.deepEqual([blob.size, blob.cache], [bytes.length, 'HIT']);
    assert.ok((await collect(await blob.read())).equals(bytes));
    const open = () => second.cache.openBlob({ ...library, digest, intent });
    await Promise.all([open(), open(), open()]);
    // Once found it is known.
    assert.deepEqual(listed, [linksOfLibrary]);
    assert.notEqual(await second.index.links.get(library, digest), undefined);
  });

test('what an outage’s look told an index in vain is still known when the index is back, without it', async (t) => {
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

test('an index that becomes complete while it is asked is asked again', async (t) => {
  const { first, second, bytes, digest } = await startTwo(t, (inner) => ({
    ...inner,
    epoch: {
      ...inner.epoch,
      async isComplete() {
        // The rebuild, just in time.
        await inner.links.put(library, [(await first.index.links.get(library, digest))!]);
        return true;
      },
    },
  }));
  const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test('an index that goes away right after it was complete is not taken for complete', async (t) => {
  let isAway = false;
  const { second, bytes, digest, listed } = await startTwo(t, (inner) => ({
    ...inner,
    // As an index is that remembers: what it cannot ask for is as if it were not there.
    links: {
      ...inner.links,
      get: async (...asked) => (isAway ? undefined : inner.links.get(...asked)),
      holders: async (...asked) => (isAway ? [] : inner.links.holders(...asked)),
    },
    epoch: { ...inner.epoch, isComplete: async () => !isAway },
  }));
  const parent = repositoryOf('docker.io', 'library');
  await assert.rejects(second.cache.openBlob({ ...parent, digest, intent: 'whole' }));
  assert.deepEqual(listed, [], 'it was complete a moment ago');
  isAway = true;
  const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test("so is a blob of another upstream's repository, for a caller with permission there", async (t) => {
  const { second, bytes, digest } = await startTwo(t, incomplete);
  const elsewhere = { ...library, upstream: 'quay.io' };
  const blob = await second.cache.openBlob({ ...elsewhere, digest, intent: 'whole', permissionAt: everywhere });
  assert.ok((await collect(await blob.read())).equals(bytes));
});

test('an index that loses everything right after it was complete is not believed', async (t) => {
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

test('what was stored after a look is found by the next one, which reads only what is new', async (t) => {
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

test('a repository that does not hold a blob gets nothing, and is not looked through for each that asks', async (t) => {
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
  assert.ok(looks() >= 3, 'what is not found is looked for again');
  assert.ok(looks() <= 2 + 4 * seconds, `${looks()} looks in ${seconds} s`);
});

test('a complete index is believed', async (t) => {
  const { second, digest, listed } = await startTwo(t, (index) => index);
  const open = () => second.cache.openBlob({ ...library, digest, intent: 'whole' });
  await assert.rejects(open, (error) => isCacheError(error, 'upstream-unreachable'));
  assert.deepEqual(listed, []);
});

test('with an index that cannot be reached tags, manifests and blobs are served from the store', async (t) => {
  const { second, bytes, digest, manifest, listed } = await startTwo(t, () => openUnreachable(t));
  for (let round = 0; round < 2; round += 1) {
    const opened = await second.cache.openManifest({ ...library, reference: parseReference('1') });
    assert.deepEqual([opened.digest, opened.cache], [manifest, 'STALE']);
    await second.cache.openManifest({ ...library, reference: parseReference(manifest) });
    const blob = await second.cache.openBlob({ ...library, digest, intent: 'whole' });
    assert.ok((await collect(await blob.read())).equals(bytes));
  }
  assert.deepEqual(listed, []);
  // A blob of which this frontend has not seen the manifest.
  const { second: third } = await startTwo(t, () => openUnreachable(t));
  const blob = await third.cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  const unknown = third.hub.addBlob(library.repository, bytesOf(10));
  const open = () => third.cache.openBlob({ ...library, digest: unknown, intent: 'whole' });
  await assert.rejects(open, (error) => isCacheError(error, 'index-unavailable'));
});

test('what a look found before the store failed it is served', async (t) => {
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

test('a store that cannot be looked through is no reason not to ask upstream', async (t) => {
  const { second, digest } = await startTwo(t, incomplete, () => {
    throw new CacheError('store-unavailable', 'The store is down.');
  });
  const open = () => second.cache.openBlob({ ...library, digest, intent: 'whole' });
  await assert.rejects(open, (error) => isCacheError(error, 'upstream-unreachable'));
});
