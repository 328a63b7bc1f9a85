// Bundles between two running clusters. One pulls, and the other reaches no upstream and is filled by a file.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { startCluster } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';

const { upstream, cluster } = await openClusterRig({ after }, { cluster: { frontends: 1, workers: 1 } });
const image = upstream.addImage('library/app', {
  tag: 'latest',
  // The first layer is uploaded to the bucket in parts.
  layers: [
    { size: 20_000_000, seed: 1 },
    { size: 100_000, seed: 2 },
  ],
});
const { redis, s3 } = cluster;

test('a bundle from one cluster fills another, which serves it immediately', async (t) => {
  const isolated = await startCluster({
    redis,
    s3,
    upstreams: { 'docker.io': 'http://127.0.0.1:1' },
    frontends: 1,
    workers: 1,
  });
  t.after(() => isolated.close());
  const directory = await mkdtemp(join(tmpdir(), 'cistern-bundle-'));
  t.after(() => rm(directory, { recursive: true }));
  const bundle = join(directory, 'bundle.tar');

  const exported = await runCistern(['export', 'library/app', '-o', bundle, '--config', cluster.configFile]);
  assert.equal(exported.code, 0, exported.stderr);
  // The other cluster remembers that it does not have the image.
  await assert.rejects(pullImage({ at: isolated, image, tag: 'latest' }));
  const imported = await runCistern(['import', bundle, '--config', isolated.configFile]);
  assert.deepEqual([imported.code, imported.stderr], [0, '']);
  await pullImage({ at: isolated, image, tag: 'latest' });
});
