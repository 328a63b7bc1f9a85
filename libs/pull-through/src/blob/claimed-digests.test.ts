// A manifest only claims that its repository holds the listed digests, because anyone with a repository can push a manifest
// that lists any digest. Content of other repositories is served only after the repository's own upstream has confirmed the
// claim.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, digestOf, mediaTypes, parseReference } from '@cistern/oci';
import { addSampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const secret = repositoryOf('quay.io', 'team/secret');
const forger = repositoryOf('docker.io', 'someone/app');
const config = bytesOf(500, 1);
const layer = bytesOf(300_000, 2);
const layerDigest = digestOf(layer);
const intents = ['stat', 'whole', 'ranges'] as const;
const isUnknown = (error: unknown) => isCacheError(error, 'blob-unknown');
const isNoManifest = (error: unknown) => isCacheError(error, 'manifest-unknown');
const isUnreachable = (error: unknown) => isCacheError(error, 'upstream-unreachable');

async function unreachable(): Promise<never> {
  throw new CacheError('upstream-unreachable', 'away', { retryable: true });
}

async function startCache(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub, quay, index } = started;
  quay.addBlob(secret.repository, layer);
  const open = async (key: typeof secret, intent: (typeof intents)[number], digest = layerDigest) =>
    cache.openBlob({ ...key, digest, intent });
  const read = async (key: typeof secret, digest = layerDigest) =>
    collect(await (await open(key, 'whole', digest)).read());
  const forge = async (names: Digest, mediaType: string = mediaTypes.ociManifest) => {
    const child = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: names, size: layer.length };
    const parts =
      mediaType === mediaTypes.ociIndex
        ? { manifests: [{ ...child, mediaType: mediaTypes.ociManifest }] }
        : {
            config: { ...child, digest: hub.addBlob(forger.repository, config), size: config.length },
            layers: [child],
          };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...parts }));
    hub.addManifest(forger.repository, 'latest', bytes, mediaType);
    await cache.openManifest({ ...forger, reference: parseReference('latest') });
  };
  const stored = async () => {
    await read(secret);
    await until(async () => (await index.blobs.get(layerDigest))?.state === 'present');
  };
  return { ...started, open, read, forge, stored };
}

test('a manifest that lists the blob of another upstream gives no access to it', async (t) => {
  const { open, forge, stored, hub, restartFrontend, index } = await startCache(t);
  await stored();
  await forge(layerDigest);
  for (const intent of intents) await assert.rejects(open(forger, intent), isUnknown, intent);
  assert.equal(restartFrontend().blobFromMemory({ ...forger, digest: layerDigest, intent: 'whole' }), undefined);
  assert.equal((await index.links.get(forger, layerDigest))?.confirmed, undefined);
  assert.deepEqual(hub.gets, []);
});

test('a manifest gives no access to a blob of another upstream while a fill fetches it', async (t) => {
  const { open, read, forge, quay } = await startCache(t);
  await forge(layerDigest);
  quay.script.gated = true;
  quay.allow(100_000);
  const reading = read(secret);
  await until(() => quay.gets[0]?.sent === 100_000);
  for (const intent of ['whole', 'ranges'] as const) await assert.rejects(open(forger, intent), isUnknown, intent);
  quay.allow(layer.length);
  assert.ok((await reading).equals(layer));
});

test('a manifest gives no access to a small blob of another upstream in memory', async (t) => {
  const { read, forge, quay, cache, index } = await startCache(t);
  const small = bytesOf(900, 3);
  const digest = quay.addBlob(secret.repository, small);
  // A read that follows the fill does not load the blob into memory, so there are more until one does.
  await until(async () => {
    await read(secret, digest);
    return cache.blobFromMemory({ ...secret, digest, intent: 'whole' }) !== undefined;
  });
  await forge(digest);
  await index.links.get(forger, digest);
  assert.equal(cache.blobFromMemory({ ...forger, digest, intent: 'whole' }), undefined);
  await assert.rejects(read(forger, digest), isUnknown);
});

test('an index that lists the manifest of another upstream gives no access to it', async (t) => {
  const { cache, forge, quay, hub } = await startCache(t);
  const { digest } = addSampleImage(quay, secret.repository, '1', { seed: 7 });
  await cache.openManifest({ ...secret, reference: parseReference(digest) });
  await forge(digest, mediaTypes.ociIndex);
  const request = { ...forger, reference: parseReference(digest) };
  await assert.rejects(() => cache.openManifest(request), isNoManifest);
  await assert.rejects(() => cache.statManifest(request), isNoManifest);
  assert.equal(cache.manifestFromMemory(request, 'bytes'), undefined);
  assert.deepEqual(hub.gets, []);
});

test('each link is confirmed only once with upstream, and a blob that the repository itself fetched is never confirmed', async (t) => {
  const { read, forge, stored, hub, quay, restartFrontend, index } = await startCache(t);
  await stored();
  await forge(layerDigest);
  hub.addBlob(forger.repository, layer);
  const before = hub.calls.length;
  for (let reads = 0; reads < 3; reads += 1) assert.ok((await read(forger)).equals(layer));
  assert.deepEqual(hub.calls.slice(before), ['head-blob']);
  await restartFrontend().openBlob({ ...forger, digest: layerDigest, intent: 'ranges' });
  assert.equal(hub.calls.length, before + 1);
  assert.deepEqual(quay.calls, ['get-blob']);
  // Another manifest that lists the blob does not revoke the confirmation.
  await forge(layerDigest);
  assert.equal((await index.links.get(forger, layerDigest))?.confirmed, true);
});

test('while upstream is unreachable, a claim gives no access, and confirmed blobs are served', async (t) => {
  const { read, forge, stored, hub, quay, index } = await startCache(t);
  await stored();
  await forge(layerDigest);
  hub.script.onCall = unreachable;
  quay.script.onCall = unreachable;
  await assert.rejects(read(forger), isUnreachable);
  assert.ok((await read(secret)).equals(layer));
  // The store also has the confirmation, which counts after the index has lost it.
  const { digest, ...claim } = { ...secret, digest: layerDigest };
  await index.links.remove(claim, digest);
  await index.links.put(claim, [{ ...claim, digest, kind: 'blob', size: layer.length }]);
  assert.ok((await read(secret)).equals(layer));
  assert.equal((await index.links.get(claim, digest))?.confirmed, true);
});

for (const holds of [true, false])
  test(`while another upstream cannot confirm its claim, the named upstream decides: ${holds}`, async (t) => {
    const { cache, hub, quay, index } = await startCache(t);
    const claim = repositoryOf('quay.io', forger.repository);
    await index.links.put(claim, [{ ...claim, digest: layerDigest, kind: 'blob', size: layer.length }]);
    quay.script.onCall = unreachable;
    if (holds) hub.addBlob(forger.repository, layer);
    for (const intent of intents) {
      const open = async () => cache.openBlob({ ...forger, digest: layerDigest, intent, permissionAt: () => ({}) });
      if (holds) assert.ok((await collect(await (await open()).read())).equals(layer), intent);
      else await assert.rejects(open, isUnreachable, intent);
    }
  });
