// Two caches on one Redis and one S3 server, separated by key prefix and bucket. Several frontends share one port.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { freePort, startCluster } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';
import { readMetric } from '../src/read-metric.ts';
import { viewBucket } from '../src/view-bucket.ts';

const { upstream, cluster } = await openClusterRig({ after });
const { redis, s3 } = cluster;
const image = upstream.addImage('library/app', { tag: 'latest' });

test('two caches on the same servers do not share content', async (t) => {
  const other = await startCluster({ redis, s3, upstreams: { 'docker.io': upstream.url }, frontends: 1, workers: 1 });
  t.after(() => other.close());
  await pullImage({ at: cluster, image, tag: 'latest' });
  assert.deepEqual(
    (await viewBucket(other).keys()).filter((key) => !key.includes('/checks/')),
    [],
  );
  const before = upstream.count({ method: 'GET' });
  await pullImage({ at: other, image, tag: 'latest' });
  assert.equal(upstream.count({ method: 'GET' }), 2 * before);
  for (const key of (await redis.command('KEYS', '*')).split('\n'))
    assert.ok(
      [cluster, other].some(({ keyPrefix }) => key.startsWith(keyPrefix)),
      key,
    );
});

test('frontends share a port and continue when one of them is killed', async (t) => {
  const port = await freePort();
  const sharing = await startCluster({
    redis,
    s3,
    upstreams: { 'docker.io': upstream.url },
    workers: 1,
    config: { http: { reuseport: true } },
    env: { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` },
  });
  t.after(() => sharing.close());
  const at = { url: `http://127.0.0.1:${port}` };
  const { frontends } = sharing;
  await until(
    'each frontend gets requests',
    async () => {
      await pullImage({ at, image, tag: 'latest' });
      const served = frontends.map((frontend) =>
        readMetric([frontend], 'cistern_requests_total', { operation: 'blob' }),
      );
      return (await Promise.all(served)).every((count) => count > 0);
    },
    60_000,
  );
  await frontends[0]!.kill();
  for (let round = 0; round < 10; round += 1) await pullImage({ at, image, tag: 'latest' });
  assert.equal((await sendRequest(`${at.url}/v2/`)).status, 200);
});
