import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypes, parseReference } from '@cistern/oci';
import { collect } from '@cistern/oci/testing';
import { addSampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { createContentFinder } from './find-cached-content.ts';
import { describeImage } from './describe-image.ts';

const key = repositoryOf('docker.io', 'library/app');

test('the description of an image counts only cached content', async (t) => {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub, clock, fills } = started;
  const image = addSampleImage(hub, 'library/app', 'latest', { seed: 1, platforms: ['linux/amd64', 'linux/arm64'] });
  const describe = (reference: string) =>
    describeImage({ ...started, now: () => clock.nowMs }, { ...key, reference: parseReference(reference) });
  assert.equal(await describe('latest'), undefined);
  assert.equal(await describe(image.digest), undefined);

  await cache.openManifest({ ...key, reference: parseReference('latest') });
  const known = (await describe('latest')) ?? assert.fail();
  assert.equal(known.digest, image.digest);
  assert.equal(known.mediaType, mediaTypes.ociIndex);
  assert.deepEqual(known.tags, ['latest']);
  assert.equal(known.hasContent, false, 'only the index is cached');
  const find = createContentFinder(started, () => clock.nowMs);
  assert.equal(await find(known), false);
  assert.equal(known.record?.tag, 'latest');
  assert.equal(known.lastPulledAtMs, clock.nowMs);
  const names = ['linux/amd64', 'linux/arm64'];
  assert.deepEqual(
    known.platforms.map(({ platform, cachedBytes, layers }) => ({ platform, cachedBytes, layers })),
    names.map((platform) => ({ platform, cachedBytes: 0, layers: [] })),
  );

  const { manifest, blobs } = image.parts['linux/arm64'] ?? assert.fail();
  await cache.openManifest({ ...key, reference: { kind: 'digest', digest: manifest } });
  const layer = blobs[1] ?? assert.fail();
  const opened = await cache.openBlob({ ...key, digest: layer, intent: 'whole' });
  await collect(await opened.read());
  // The blob is committed a moment after its reader gets the last bytes.
  await until(() => fills.size === 0);
  assert.deepEqual([await find(known), (await describe('latest'))?.hasContent], [true, true]);
  const [other, arm] = (await describe(image.digest))?.platforms ?? [];
  assert.equal(other?.cachedBytes, 0);
  assert.deepEqual(arm?.layers, [
    { digest: layer, bytes: 300_000, mediaType: 'application/octet-stream', cached: true },
  ]);
  const size = (await started.store.stat(manifest))?.size ?? 0;
  assert.deepEqual([arm?.bytes, arm?.cachedBytes], [size + 302_000, size + 300_000]);
});

test('the platform of a single image comes from its configuration', async (t) => {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub } = started;
  const configs = [{ os: 'linux', architecture: 'arm', variant: 'v6' }, null].map((config) =>
    Buffer.from(JSON.stringify(config)),
  );
  for (const [at, bytes] of configs.entries()) {
    const config = {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: hub.addBlob('library/app', bytes),
      size: bytes.length,
    };
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
    hub.addManifest('library/app', `${at}`, Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest);
    const reference = parseReference(`${at}`);
    await cache.openManifest({ ...key, reference });
    const platform = async () =>
      (await describeImage({ ...started, now: Date.now }, { ...key, reference }))?.platforms[0]?.platform;
    assert.equal(await platform(), null, 'before it is cached');
    await collect(await (await cache.openBlob({ ...key, digest: config.digest, intent: 'whole' })).read());
    assert.equal(await platform(), at === 0 ? 'linux/arm/v6' : null);
  }
});
