import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference } from '@cistern/oci';
import { addSampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { prewarmImage } from './prewarm-image.ts';
import type { PrewarmProgress } from './prewarm-blobs.ts';
import { startPrewarmingCache } from './testing/start-prewarming-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const { signal } = new AbortController();

test('a request to prewarm an image gets the progress and the result', async (t) => {
  const started = await startPrewarmingCache();
  t.after(() => started.close());
  const { hub } = started;
  const image = addSampleImage(hub, 'library/nginx', 'latest', { seed: 1, platforms: ['linux/amd64', 'linux/arm64'] });
  hub.script.gated = true;
  const reported: PrewarmProgress[] = [];
  const request = { ...library, reference: parseReference('latest'), platforms: ['linux/arm64'] };
  const prewarming = prewarmImage(started, request, { signal, onProgress: (progress) => void reported.push(progress) });
  hub.allow(102_000);
  await until(() => reported.some(({ bytesHere }) => bytesHere === 102_000));
  hub.allow(1_000_000);
  const whole = { blobs: 2, bytes: 302_000 };
  assert.deepEqual(await prewarming, { digest: image.digest, ...whole, fetchedBlobs: 2, fetchedBytes: 302_000 });
  assert.deepEqual(reported[0], { ...whole, blobsHere: 0, bytesHere: 0 });
  const again = { ...library, reference: parseReference(image.digest), platforms: ['linux/arm64'] };
  assert.deepEqual(await prewarmImage(started, again, { signal, onProgress() {} }), {
    digest: image.digest,
    ...whole,
    fetchedBlobs: 0,
    fetchedBytes: 0,
  });
});

test('the result for a missing image contains a failure with a message', async (t) => {
  const started = await startPrewarmingCache();
  t.after(() => started.close());
  const request = { ...library, reference: parseReference('nothing'), platforms: [] };
  const { failure } = await prewarmImage(started, request, { signal, onProgress() {} });
  assert.deepEqual(failure, { kind: 'manifest-unknown', message: 'no such manifest' });
});
