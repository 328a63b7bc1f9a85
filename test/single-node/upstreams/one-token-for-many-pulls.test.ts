import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';

test('twenty cold pulls at the same time cost one token, one manifest and one blob each', async (t) => {
  const upstream = await openUpstream(t, {
    auth: { kind: 'bearer', accounts: [{ username: 'robot', password: 'secret' }] },
  });
  const cistern = await openCistern(t, { config: cacheOf(upstream, { username: 'robot', password: 'secret' }) });
  const layers = Array.from({ length: 20 }, (_, number) => Buffer.from(`layer ${number}`));
  const image = upstream.addImage('library/app', { tag: 'latest', layers });
  const digests = image.layers.map(({ digest }) => digest);

  const cold = await Promise.all(digests.map((digest) => sendRequest(`${cistern.url}/v2/library/app/blobs/${digest}`)));
  for (const [position, { status, body }] of cold.entries()) {
    assert.equal(status, 200);
    assert.ok(body.equals(layers[position]!));
  }
  assert.equal(upstream.count({ endpoint: 'token' }), 1);

  const manifests = await Promise.all(
    Array.from({ length: 20 }, () => sendRequest(`${cistern.url}/v2/library/app/manifests/latest`)),
  );
  assert.ok(manifests.every(({ status, body }) => status === 200 && body.equals(image.bytes)));
  assert.deepEqual(manifests.filter(({ headers }) => headers['x-cache'] === 'MISS').length, 1);
  assert.equal(upstream.count({ endpoint: 'token' }), 1);
  assert.equal(upstream.count({ endpoint: 'manifest', method: 'GET' }), 1);
  for (const digest of digests) assert.equal(upstream.count({ digest, method: 'GET', status: 200 }), 1);

  // A token that the upstream has forgotten is renewed once.
  upstream.auth.expireTokens();
  upstream.addImage('library/app', { tag: 'next', seed: 'next' });
  const renewed = await Promise.all(
    Array.from({ length: 20 }, () => sendRequest(`${cistern.url}/v2/library/app/manifests/next`)),
  );
  assert.ok(renewed.every(({ status }) => status === 200));
  assert.equal(upstream.count({ endpoint: 'token' }), 2);
});
