// A client that may pull only linux/amd64 requests images for several platforms.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, mediaTypes, parseReference } from '@cistern/oci';
import type { PlatformRule } from './authorized-repository.ts';
import { addSampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const denial = new CacheError('denied', 'Denied.');
const onlyAmd64: PlatformRule = (platforms) =>
  platforms.some((platform) => platform === undefined || platform === 'linux/amd64') ? undefined : denial;

async function start(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache } = started;
  const pull = (reference: string, platformRule?: PlatformRule) =>
    cache.openManifest({ ...library, reference: parseReference(reference), platformRule });
  const read = async (digest: Digest, platformRule?: PlatformRule) =>
    collect(await (await cache.openBlob({ ...library, digest, intent: 'whole', platformRule })).read());
  return { ...started, pull, read };
}

function isDenied(answer: Promise<unknown>): Promise<boolean> {
  return answer.then(
    () => false,
    (error: unknown) => isCacheError(error, 'denied'),
  );
}

test('all clients get an index; its manifests and their blobs require permission for their platform', async (t) => {
  const { hub, pull, read, cache } = await start(t);
  const platforms = ['linux/amd64', 'windows/amd64'];
  const { digest, parts } = addSampleImage(hub, library.repository, '1', { seed: 1, platforms });
  const [amd64, windows] = platforms.map((platform) => parts[platform] ?? assert.fail());
  assert.equal((await pull('1', onlyAmd64)).digest, digest);
  // The manifest is not cached, but the image index has its platform.
  assert.ok(await isDenied(pull(windows!.manifest, onlyAmd64)));
  assert.equal((await pull(amd64!.manifest, onlyAmd64)).digest, amd64!.manifest);
  await pull(windows!.manifest);
  const reference = parseReference(windows!.manifest);
  assert.ok(await isDenied(cache.statManifest({ ...library, reference, platformRule: onlyAmd64 })));
  assert.ok(await isDenied(pull(windows!.manifest, onlyAmd64)));
  for (const blob of windows!.blobs) assert.ok(await isDenied(read(blob, onlyAmd64)));
  for (const blob of amd64!.blobs) await read(blob, onlyAmd64);
  for (const blob of windows!.blobs) await read(blob);
});

test('a tag with only a denied platform is denied once an index lists its manifest', async (t) => {
  const { hub, pull } = await start(t);
  const { parts } = addSampleImage(hub, library.repository, 'all', { seed: 1, platforms: ['windows/amd64'] });
  const { manifest } = parts['windows/amd64'] ?? assert.fail();
  hub.addManifest(library.repository, 'windows', (await pull(manifest)).bytes, mediaTypes.ociManifest);
  await pull('windows', onlyAmd64);
  // Another client pulls the image index now.
  await pull('all');
  assert.ok(await isDenied(pull('windows', onlyAmd64)));
});

test('a blob that several platforms share is served to clients with permission for one, once the link is stored', async (t) => {
  const { hub, pull, read } = await start(t);
  const shared = bytesOf(10_000, 7);
  const layer = {
    mediaType: 'application/octet-stream',
    digest: hub.addBlob(library.repository, shared),
    size: 10_000,
  };
  const add = (platform: string, seed: number) => {
    const [os, architecture] = platform.split('/');
    const own = bytesOf(100, seed);
    const config = { ...layer, digest: hub.addBlob(library.repository, own), size: own.length };
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = hub.addManifest(library.repository, undefined, bytes, mediaTypes.ociManifest);
    return { mediaType: mediaTypes.ociManifest, digest, size: bytes.length, platform: { os, architecture } };
  };
  const manifests = [add('windows/amd64', 1), add('linux/amd64', 2)];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  hub.addManifest(library.repository, '1', index, mediaTypes.ociIndex);
  await pull('1');
  const [windows, linux] = manifests;
  await pull(windows!.digest);
  assert.ok(await isDenied(read(layer.digest, onlyAmd64)));
  await pull(linux!.digest, onlyAmd64);
  assert.deepEqual(await read(layer.digest, onlyAmd64), shared);
});

test('a manifest that no index lists has no platform and is served', async (t) => {
  const { hub, pull, read } = await start(t);
  const { parts } = addSampleImage(hub, library.repository, '1', { seed: 1, platforms: ['windows/amd64'] });
  const { manifest, blobs } = parts['windows/amd64'] ?? assert.fail();
  // The manifest is requested by digest and is not cached, so its platform is unknown.
  await pull(manifest, onlyAmd64);
  for (const blob of blobs) await read(blob, onlyAmd64);
});

test('a client with a platform rule gets no content while the store is unavailable', async (t) => {
  let failing = false;
  const started = await startTestCache({
    wrapStore: (store) => ({
      ...store,
      listObjects(prefix) {
        if (failing) throw new CacheError('store-unavailable', 'The store is unavailable.');
        return store.listObjects(prefix);
      },
    }),
  });
  t.after(() => started.close());
  const { hub, cache, clock } = started;
  addSampleImage(hub, library.repository, '1', { seed: 1 });
  const open = () => cache.openManifest({ ...library, reference: parseReference('1'), platformRule: onlyAmd64 });
  await open();
  failing = true;
  clock.nowMs += 60_000;
  await assert.rejects(open, (error) => isCacheError(error, 'store-unavailable'));
});
