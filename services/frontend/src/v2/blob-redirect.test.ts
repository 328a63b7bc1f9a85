import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const bytes = randomBytes(300_000);
const digest = digestOf(bytes);
const location = 'https://store.example/bucket/blob?X-Amz-Signature=0123abcd&X-Amz-Expires=1200';
const path = `/v2/library/nginx/blobs/${digest}`;

function openPullThrough() {
  return createMemoryPullThrough({ blobs: [bytes], location });
}

test('a GET of a blob in a store with redirects is an uncacheable 307', async (t) => {
  const pullThrough = openPullThrough();
  const { url, metrics, log, logText, accessLines } = await startFrontend(t, { pullThrough, accessLog() {} });
  const { status, headers, body } = await sendRequest(url + path);
  assert.equal(status, 307);
  assert.equal(headers.location, location);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['x-cache'], 'HIT');
  assert.equal(headers['docker-content-digest'], digest);
  assert.equal(headers['content-length'], '0');
  assert.equal(body.length, 0);
  assert.equal(pullThrough.reads, 0);

  await until(() => log.length === 1);
  const { status: logged, bytes: sent, redirected, cache } = log[0] ?? {};
  assert.deepEqual({ logged, sent, redirected, cache }, { logged: 307, sent: 0, redirected: true, cache: 'HIT' });
  assert.doesNotMatch(logText() + accessLines.join(''), /Signature|0123abcd/);
  assert.equal((await metrics.redirects.get()).values[0]?.value, 1);
  const { values } = await metrics.requests.get();
  const counted = values.find(
    ({ labels }) => labels.operation === 'blob' && labels.status === '3xx' && labels.result === 'HIT',
  );
  assert.equal(counted?.value, 1);
});

test('a single range is redirected, and several ranges or If-Range are served by the cache', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: openPullThrough() });
  const statusOf = async (headers: Record<string, string>) => (await sendRequest(url + path, { headers })).status;
  assert.equal(await statusOf({ range: 'bytes=10-' }), 307);
  assert.equal(await statusOf({ range: 'bytes=0-1,10-11' }), 206);
  assert.equal(await statusOf({ range: 'bytes=10-', 'if-range': `"${digest}"` }), 206);
  assert.equal(await statusOf({ range: 'bytes=10-', 'if-range': '"other"' }), 200);
  assert.equal(await statusOf({ range: 'bytes=300000-' }), 416);
});

test('a HEAD, or a GET with a matching entity tag, is never redirected', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: openPullThrough() });
  const head = await sendRequest(url + path, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], String(bytes.length));
  assert.equal(head.headers.location, undefined);
  const { status } = await sendRequest(url + path, { headers: { 'if-none-match': `"${digest}"` } });
  assert.equal(status, 304);
});

test('a client of an excepted network gets the bytes, by its address behind trusted proxies', async (t) => {
  const except = { redirectExcept: ['10.1.0.0/16', '192.0.2.7', '2001:db8::/32'], trustedProxies: ['127.0.0.1'] };
  const { url } = await startFrontend(t, { pullThrough: openPullThrough(), ...except });
  const statusOf = async (client: string) => {
    const answer = await sendRequest(url + path, { headers: { 'x-forwarded-for': client } });
    return answer.status;
  };
  for (const client of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8::1'])
    assert.equal(await statusOf(client), 200, client);
  for (const client of ['10.2.2.3', '192.0.2.8', '2001:db9::1', 'unknown'])
    assert.equal(await statusOf(client), 307, client);
});

test('an untrusted X-Forwarded-For does not change the network of a client', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: openPullThrough(), redirectExcept: ['127.0.0.0/8'] });
  const { status } = await sendRequest(url + path, { headers: { 'x-forwarded-for': '10.9.9.9' } });
  assert.equal(status, 200);
});
