import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { startS3 } from '@cistern/test-servers';
import { cacheOf, openCistern, openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import type { Cache } from '../src/start-cache.ts';
import { until } from '../src/until.ts';

const s3 = await startS3();
after(async () => s3.close());

const layer = seededBytes(3_000_000, 'layer');

/** Opens a cache with its own index. */
async function open(
  t: TestContext,
  upstream: FakeUpstream,
  name: string,
  redirect: Record<string, unknown> = {},
): Promise<Cache> {
  const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey } = s3;
  const bucket = { bucket: name, createbucket: true, indexdirectory: await openDirectory(t) };
  const storage = {
    s3: { regionendpoint, region, accesskey, secretkey, ...bucket },
    redirect: { disable: false, ...redirect },
  };
  return openCistern(t, { config: { ...cacheOf(upstream), storage } });
}

test('a blob is sent by the cache when it is cold, and by the bucket from then on', async (t) => {
  const upstream = await openUpstream(t);
  const { digest } = upstream.addBlob('library/app', layer);
  const cistern = await open(t, upstream, 'redirects');
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  const cold = await sendRequest(url);
  assert.equal(cold.status, 200);
  assert.ok(cold.body.equals(layer));
  let location = '';
  await until('it is stored', async () => {
    const { status, headers } = await sendRequest(url);
    location = headers.location ?? '';
    return status === 307;
  });
  const answer = await fetch(location, { headers: { range: 'bytes=1000000-' } });
  assert.equal(answer.status, 206);
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(layer.subarray(1_000_000)));
  const followed = await fetch(url);
  assert.ok(Buffer.from(await followed.arrayBuffer()).equals(layer));
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
  assert.ok(cistern.log().every((line) => !line.includes('X-Amz')));
});

test('content that another cache left in the bucket is read once through the cache, and then from the bucket', async (t) => {
  const upstream = await openUpstream(t);
  const { digest } = upstream.addBlob('library/app', layer);
  const path = `/v2/library/app/blobs/${digest}`;
  const before = await open(t, upstream, 'adopted');
  await sendRequest(before.url + path);
  await until('it is stored', async () => (await sendRequest(before.url + path)).status === 307);
  await before.stop();
  // The new cache does not know whether the content of the bucket is correct.
  const cistern = await open(t, upstream, 'adopted');
  const url = cistern.url + path;
  const first = await sendRequest(url);
  assert.equal(first.status, 200);
  assert.equal(first.headers['x-cache'], 'HIT');
  assert.ok(first.body.equals(layer));
  await until('the blob is verified', async () => (await sendRequest(url)).status === 307);
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
});

test('clients of excepted networks are never redirected to the bucket', async (t) => {
  const upstream = await openUpstream(t);
  const { digest } = upstream.addBlob('library/app', layer);
  const cistern = await open(t, upstream, 'excepted', { except: ['127.0.0.0/8'] });
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  for (let times = 0; times < 3; times += 1) {
    const { status, body } = await sendRequest(url);
    assert.equal(status, 200);
    assert.ok(body.equals(layer));
  }
});
