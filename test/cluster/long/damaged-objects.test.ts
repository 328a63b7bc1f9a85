// Objects in the bucket are damaged by one byte. One worker at a time scrubs the store, finds the damage and repairs
// it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';
import { readMetric } from '../src/read-metric.ts';
import { viewBucket } from '../src/view-bucket.ts';

const env = { REGISTRY_STORAGE_SCRUB_EVERY: '10s', REGISTRY_STORAGE_SCRUB_BANDWIDTH: '100MB' };
const { upstream, cluster } = await openClusterRig({ after }, { cluster: { env } });
const bucket = viewBucket(cluster);

test('a scrub repairs a flipped byte in a layer and in a manifest', async () => {
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 9_000_000, seed: 'layer' }] });
  const digests = [image.layers[0]!.digest, image.digest];
  const pull = { at: cluster.frontends[0]!, image, tag: 'latest' };
  await pullImage(pull);
  for (const digest of digests) {
    await until(`${digest} is stored`, () => bucket.has(digest), 30_000);
    await bucket.damageBlob(digest);
  }
  const found = (kind: string) => readMetric(cluster.workers, 'cistern_scrub_objects_total', { kind });
  await until('both are repaired', async () => (await found('healed')) === 2, 120_000);
  assert.equal(await found('damaged'), 2);
  for (const at of cluster.frontends) await pullImage({ ...pull, at });
  for (const digest of digests) assert.equal(upstream.count({ digest, method: 'GET' }), 2);
  const inQuarantine = (await bucket.keys()).filter((key) => key.includes('cistern/quarantine/'));
  assert.equal(inQuarantine.length, 2);
});
