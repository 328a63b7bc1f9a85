// Tests a cache whose upstream leads back to itself. Without protection its requests would circulate for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '@cistern/test-servers';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { errorsOf, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const paths = ['manifests/latest', `blobs/sha256:${'0'.repeat(64)}`, 'tags/list'];

test('a cache that is its own upstream reports the loop after one round', async (t) => {
  const port = await freePort();
  const cistern = await openCistern(t, {
    port,
    config: { ...cacheOf({ url: `http://127.0.0.1:${port}` }), log: { level: 'debug' } },
  });
  for (const path of paths) {
    const answer = await sendRequest(`${cistern.url}/v2/library/app/${path}`);
    assert.equal(answer.status, 508, path);
    assert.match(errorsOf(answer)[0]?.message ?? '', /leads back to this cache/);
  }
  const requests = () => cistern.log().filter((line) => line.includes(' 508 loop-detected '));
  const last = String((await sendRequest(`${cistern.url}/v2/`)).headers['x-request-id']);
  await until('all are logged', () => cistern.log().some((line) => line.includes(last)));
  assert.equal(requests().length, 2 * paths.length, cistern.log().join('\n'));
});

test('one cache may be the upstream of another', async (t) => {
  const upstream = await openUpstream(t);
  const image = upstream.addImage('library/app', { tag: 'latest' });
  const inner = await openCistern(t, { config: cacheOf(upstream) });
  const outer = await openCistern(t, { config: cacheOf(inner) });
  const manifest = await sendRequest(`${outer.url}/v2/library/app/manifests/latest`);
  assert.ok(manifest.status === 200 && manifest.body.equals(image.bytes));
  const blob = await sendRequest(`${outer.url}/v2/library/app/blobs/${image.config.digest}`);
  assert.ok(blob.status === 200 && blob.body.length === image.config.size);
});
