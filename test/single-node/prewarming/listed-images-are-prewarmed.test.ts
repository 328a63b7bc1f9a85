// Tests one process whose configuration lists images: they are cached before any client requests them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

test('images of the list are fetched without a client, and then served without upstream', async (t) => {
  const upstream = await openUpstream(t);
  const images = ['v1', 'v2', 'other'].map((tag) => upstream.addImage('library/app', { tag, seed: tag }));
  const prewarm = { top: 0, images: [{ image: 'app', tags: ['v*'], platforms: ['linux/amd64'] }] };
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream, { ttl: '10m' }), prewarm } });
  const done = 'cistern_prewarm_images_total{upstream="docker.io",result="done"}';
  await until('both images are cached', async () => (await readMetrics(cistern)).get(done) === 2);
  const before = upstream.count();
  assert.equal(upstream.count({ method: 'GET', endpoint: 'manifest' }), 2);
  for (const { digest, config, layers } of images.slice(0, 2))
    for (const path of [`manifests/${digest}`, ...[config, ...layers].map((blob) => `blobs/${blob.digest}`)]) {
      const answer = await sendRequest(`${cistern.url}/v2/library/app/${path}`);
      assert.deepEqual([answer.status, answer.headers['x-cache']], [200, 'HIT'], path);
    }
  for (const tag of ['v1', 'v2'])
    assert.equal((await sendRequest(`${cistern.url}/v2/library/app/manifests/${tag}`)).headers['x-cache'], 'HIT');
  assert.equal(upstream.count(), before);
});
