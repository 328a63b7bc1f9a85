// A popular tag moves at its upstream. All its new content is in the store before any client requests it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createGate } from '@cistern/fake-upstream';
import { until } from '@cistern/single-node/until';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';
import { readMetric } from '../src/read-metric.ts';
import { viewBucket } from '../src/view-bucket.ts';

const env = { REGISTRY_PREWARM_TOP: '10', 'REGISTRY_UPSTREAMS_DOCKER.IO_TTL': '10s' };
const limit = 1000;
const { upstream, cluster, urlOf } = await openClusterRig(
  { after },
  { upstream: { rateLimit: { limit } }, cluster: { env } },
);
const { frontends, workers } = cluster;
const bucket = viewBucket(cluster);
const gets = () => upstream.count({ method: 'GET' });

function addImage(tag: string, seed: string) {
  const layers = ['a', 'b', 'c'].map((layer) => ({ size: 2_000_000, seed: `${seed} ${layer}` }));
  return upstream.addImage('library/app', { tag, seed, layers });
}

async function pullByMany(image: ReturnType<typeof addImage>, tag: string, clients: number): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, (_, client) =>
      pullImage({ at: frontends[client % frontends.length]!, image, tag }),
    ),
  );
}

test('after a prewarm the next fifty clients cause no upstream GET', async () => {
  await pullByMany(addImage('latest', 'before'), 'latest', 10);
  const image = addImage('latest', 'after');
  const digests = [image.digest, image.config.digest, ...image.layers.map(({ digest }) => digest)];
  await until(
    'all content is in the store',
    async () => (await Promise.all(digests.map((digest) => bucket.has(digest)))).every(Boolean),
    120_000,
  );
  const before = gets();
  await pullByMany(image, 'latest', 50);
  assert.equal(gets(), before);
  for (const digest of digests) assert.equal(upstream.count({ method: 'GET', digest }), 1);
});

test('a waiting client does not wait for prewarming', async () => {
  await pullByMany(addImage('slow', 'slow before'), 'slow', 10);
  const moved = addImage('slow', 'slow after');
  const gate = createGate();
  for (const { digest } of moved.layers) upstream.addFault({ digest, method: 'GET' }, { gate });
  const requested = () => moved.layers.filter(({ digest }) => upstream.count({ method: 'GET', digest }) > 0).length;
  await until('its layers are being fetched', () => requested() > 0, 120_000);
  const other = addImage('other', 'other');
  await pullByMany(other, 'other', 10);
  assert.ok(
    moved.layers.some(({ digest, size }) => upstream.bytesSent(digest) < size),
    'prewarming is still in progress',
  );
  // A client that requests a layer in flight follows its fill.
  const layer = moved.layers.find(({ digest }) => upstream.count({ method: 'GET', digest }) > 0);
  const following = fetch(urlOf(`library/app/blobs/${layer!.digest}`));
  gate.release();
  assert.equal((await (await following).arrayBuffer()).byteLength, layer!.size);
  assert.equal(upstream.count({ method: 'GET', digest: layer!.digest }), 1);
});

const spared = () => readMetric(workers, 'cistern_prewarm_tags_total', { result: 'spared' });

test('at the reserve of the budget prewarming stops, and clients still get cold images', async () => {
  await pullByMany(addImage('spared', 'spared before'), 'spared', 30);
  upstream.rateLimit.setRemaining(limit / 10);
  // Workers learn the budget from the first response.
  const first = addImage('first', 'first');
  await pullImage({ at: frontends[0]!, image: first, tag: 'first' });
  const before = await spared();
  const moved = addImage('spared', 'spared after');
  await until('the tag is spared', async () => (await spared()) > before, 120_000);
  // real-time: a worker that still prewarmed would fetch within this time; no event reports that it does not
  await delay(2_000);
  assert.equal(upstream.count({ method: 'GET', digest: moved.digest }), 0);
  const cold = addImage('cold', 'cold');
  await pullImage({ at: frontends[1]!, image: cold, tag: 'cold' });
});
