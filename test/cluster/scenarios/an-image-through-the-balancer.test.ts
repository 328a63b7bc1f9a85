// A client's complete pull of a cold image, then of the same image warm, through haproxy.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { digestOf } from '@cistern/oci';
import { loggedAt } from '../src/logged-at.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { readMetric } from '../src/read-metric.ts';

const { upstream, cluster, nodes, urlOf } = await openClusterRig({ after });
const layers = [1, 2, 3].map((seed) => ({ size: 3_000_000 * seed, seed }));
const image = upstream.addImage('library/app', { tag: 'latest', layers });

async function pull(path: string): Promise<string> {
  const answer = await sendRequest(urlOf(`library/app/${path}`));
  assert.equal(answer.status, 200, answer.body.toString('latin1', 0, 300));
  assert.ok(answer.complete);
  return digestOf(answer.body);
}

test('every frontend serves the same bytes, cold and warm, and the upstream gets one request each', async () => {
  for (let round = 0; round < 2; round += 1) {
    assert.equal(await pull('manifests/latest'), image.digest);
    for (const { digest } of [image.config, ...image.layers]) assert.equal(await pull(`blobs/${digest}`), digest);
  }
  for (const frontend of cluster.frontends)
    for (const { digest } of image.layers) {
      const answer = await sendRequest(urlOf(`library/app/blobs/${digest}`, frontend));
      assert.equal(digestOf(answer.body), digest, frontend.name);
    }
  for (const { digest } of [image, image.config, ...image.layers])
    assert.equal(upstream.count({ method: 'GET', digest }), 1, digest);
});

test('only workers have called the upstream, and no node has logged an error', async () => {
  assert.equal(await readMetric(cluster.frontends, 'cistern_upstream_requests_total'), 0);
  assert.ok((await readMetric(cluster.workers, 'cistern_upstream_requests_total')) > 0);
  assert.deepEqual([...loggedAt('error', nodes), ...loggedAt('fatal', nodes)], []);
});
