import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, mediaTypes, parseReference } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');

function imageOf(seed: string): Buffer {
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(Buffer.from(seed)),
    size: 1,
  };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }));
}

test('pulls are counted by tag, and by platform if an index lists the image', async (t) => {
  const { cache, hub, index, restartFrontend, close } = await startTestCache();
  t.after(close);
  const images = { amd64: imageOf('amd64'), arm64: imageOf('arm64') };
  const manifests = Object.entries(images).map(([architecture, bytes]) => ({
    mediaType: mediaTypes.ociManifest,
    digest: hub.addManifest('library/nginx', undefined, bytes, mediaTypes.ociManifest),
    size: bytes.length,
    platform: { os: 'linux', architecture, variant: architecture === 'arm64' ? 'v8' : undefined },
  }));
  const multi = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const digest = hub.addManifest('library/nginx', 'latest', multi, mediaTypes.ociIndex);
  const pull = async (frontend: typeof cache, architecture: keyof typeof images) => {
    const byDigest = (text: string) => ({ ...library, reference: parseReference(text) });
    await frontend.statManifest({ ...library, reference: parseReference('latest') });
    await frontend.openManifest(byDigest(digest));
    await frontend.openManifest(byDigest(digestOf(images[architecture])));
  };
  for (const architecture of ['amd64', 'amd64', 'arm64'] as const) await pull(cache, architecture);
  // This node has nothing in memory, and has not read the image index.
  await restartFrontend().openManifest({ ...library, reference: parseReference(digestOf(images.amd64)) });
  const tags = await index.popularity.tags(10);
  assert.deepEqual(
    tags.map(({ repository, tag, pulls }) => [repository, tag, Math.round(pulls)]),
    [['library/nginx', 'latest', 3]],
  );
  const platforms = await index.popularity.platforms(10);
  assert.deepEqual(
    platforms.map(({ upstream, platform, pulls }) => [upstream, platform, Math.round(pulls)]),
    [
      ['docker.io', 'linux/amd64', 3],
      ['docker.io', 'linux/arm64', 1],
    ],
  );
});

test('a pull of a missing tag is not counted', async (t) => {
  const { cache, index, close } = await startTestCache();
  t.after(close);
  await assert.rejects(cache.openManifest({ ...library, reference: parseReference('nothing') }));
  assert.deepEqual(await index.popularity.tags(10), []);
});
