// Fifty clients pull the same cold image at the same time, as real clients do. Each pulls the tag, then its manifest by
// digest, then the config and all layers in parallel. The upstream requires a token for every request.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { digestOf } from '@cistern/oci';
import { openClusterRig } from '../src/open-cluster-rig.ts';

const clients = 50;
const { upstream, urlOf } = await openClusterRig({ after }, { upstream: { auth: { kind: 'bearer' } } });
const layers = [1, 2, 3, 4, 5].map((seed) => ({ size: seed * 1_000_000, seed }));
const image = upstream.addImage('library/app', { tag: 'latest', layers });

async function get(path: string, digest: string): Promise<void> {
  const answer = await sendRequest(urlOf(`library/app/${path}`));
  assert.equal(answer.status, 200, `${path}: ${answer.body.toString('latin1', 0, 300)}`);
  assert.equal(digestOf(answer.body), digest, path);
}

async function pull(): Promise<void> {
  const head = await sendRequest(urlOf('library/app/manifests/latest'), { method: 'HEAD' });
  assert.equal(head.headers['docker-content-digest'], image.digest);
  await get(`manifests/${image.digest}`, image.digest);
  await Promise.all([image.config, ...image.layers].map(({ digest }) => get(`blobs/${digest}`, digest)));
}

test('the upstream gets one request for each object and one for a token', async () => {
  await Promise.all(Array.from({ length: clients }, pull));
  for (const { digest } of [image, image.config, ...image.layers])
    assert.equal(upstream.count({ method: 'GET', digest, status: 200 }), 1, digest);
  assert.equal(upstream.count({ endpoint: 'token' }), 1);
});
