import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const blob = Buffer.alloc(150_000, 'b');
const digest = digestOf(blob);

test('every request is logged once, at its end, with its facts', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { url, log } = await startFrontend(t, { pullThrough, accessLog: undefined });
  await sendRequest(`${url}/v2/nginx/blobs/${digest}?ns=docker.io`, { headers: { 'user-agent': 'containerd/2.2' } });
  await until(() => log.length > 0);
  assert.equal(log.length, 1);
  const { time: _, ms, firstByteMs, requestId, ...facts } = log[0] ?? {};
  assert.deepEqual(facts, {
    level: 'info',
    operation: 'blob',
    url: `/v2/nginx/blobs/${digest}?ns=docker.io`,
    protocol: 'HTTP/1.1',
    client: '127.0.0.1',
    userAgent: 'containerd/2.2',
    upstream: 'docker.io',
    repository: 'library/nginx',
    reference: digest.slice(0, 19),
    cache: 'HIT',
    status: 200,
    bytes: blob.length,
    msg: 'request',
  });
  assert.ok((firstByteMs as number) <= (ms as number));
  assert.match(String(requestId), /^[\w-]+$/);
});

test('the logged bytes are those of the body, and 0 for HEAD and 304', async (t) => {
  const manifest = Buffer.from('{"schemaVersion":2}');
  const { url, log } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ manifests: [manifest] }) });
  const path = `${url}/v2/nginx/manifests/latest`;
  await sendRequest(path);
  await sendRequest(path, { method: 'HEAD' });
  await sendRequest(path, { headers: { 'if-none-match': '*' } });
  await until(() => log.length === 3);
  assert.deepEqual(
    log.map(({ status, bytes }) => [status, bytes]),
    [
      [200, manifest.length],
      [200, 0],
      [304, 0],
    ],
  );
});

test('the log level is error for faults, warn for degraded service, and info for client mistakes', async (t) => {
  const cases = [
    [new CacheError('manifest-unknown', 'No.'), 'info'],
    [new CacheError('upstream-unreachable', 'No.'), 'warn'],
    [new CacheError('overloaded', 'No.'), 'warn'],
    [new CacheError('store-unavailable', 'No.'), 'error'],
    [new Error('surprise'), 'error'],
  ] as const;
  for (const [error, level] of cases) {
    const pullThrough = createMemoryPullThrough({ instead: { openManifest: () => Promise.reject(error) } });
    const { url, log } = await startFrontend(t, { pullThrough, accessLog: undefined });
    await sendRequest(`${url}/v2/nginx/manifests/latest`);
    await until(() => log.length > 0);
    assert.equal(log[0]?.['level'], level, error.message);
    assert.equal(log[0]?.['errorKind'], error instanceof CacheError ? error.kind : 'internal');
    assert.equal('err' in (log[0] ?? {}), level !== 'info');
  }
});

test('the access log has a line per request in the combined format', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { url, accessLines } = await startFrontend(t, { pullThrough, accessLog() {} });
  await sendRequest(`${url}/v2/nginx/blobs/${digest}`, {
    headers: { 'user-agent': 'podman/5.4', referer: 'http://r/' },
  });
  await sendRequest(`${url}/v2/nope`);
  await until(() => accessLines.length === 2);
  assert.match(
    accessLines[0] ?? '',
    /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/v2\/nginx\/blobs\/sha256:[0-9a-f]{64} HTTP\/1\.1" 200 150000 "http:\/\/r\/" "podman\/5\.4"$/,
  );
  assert.match(accessLines[1] ?? '', / 404 /);
});

test('no log contains a credential', async (t) => {
  const { url, log, logText, accessLines } = await startFrontend(t, {
    accessLog() {},
    pullThrough: createMemoryPullThrough({ instead: { openManifest: () => Promise.reject(new Error('surprise')) } }),
  });
  const headers = {
    authorization: 'Bearer s3cr3t-t0ken',
    cookie: 's3cr3t-c00kie',
    'proxy-authorization': 'Basic s3cr3t',
  };
  for (const path of ['/v2/', '/v2/nginx/manifests/latest', '/v2/nope', '/%'])
    await sendRequest(url + path, { headers });
  await sendRequest(`${url}/v2/nginx/manifests/latest?token=s3cr3t-t0ken`);
  await until(() => log.length === 5);
  assert.doesNotMatch(logText() + accessLines.join('\n'), /s3cr3t/);
});

test('requests are measured by operation, result and status, and none stays in flight', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { url, metrics, log } = await startFrontend(t, { pullThrough });
  await sendRequest(`${url}/v2/nginx/blobs/${digest}`);
  await sendRequest(`${url}/v2/nginx/blobs/${digestOf(Buffer.from('other'))}`);
  await sendRequest(`${url}/v2/`);
  await sendRequest(`${url}/v2/nginx/manifests/x`, { method: 'PUT' });
  await until(() => log.length === 4);
  const text = await metrics.registry.metrics();
  for (const line of [
    'cistern_requests_total{operation="blob",result="HIT",status="2xx"} 1',
    'cistern_requests_total{operation="blob",result="NONE",status="4xx"} 1',
    'cistern_requests_total{operation="ping",result="NONE",status="2xx"} 1',
    'cistern_requests_total{operation="write",result="NONE",status="4xx"} 1',
    'cistern_response_bytes_total{operation="blob",result="HIT"} 150000',
    'cistern_time_to_first_byte_seconds_count{operation="blob",result="HIT"} 1',
    'cistern_requests_in_flight{operation="blob"} 0',
    'cistern_requests_in_flight{operation="write"} 0',
  ])
    assert.ok(text.includes(`${line}\n`), line);
});

test('a request is in flight while it is answered', async (t) => {
  const open = Promise.withResolvers<never>();
  const pullThrough = createMemoryPullThrough({ instead: { openManifest: () => open.promise } });
  const { url, metrics } = await startFrontend(t, { pullThrough });
  const inFlight = async () =>
    (await metrics.requestsInFlight.get()).values.find(({ labels }) => labels.operation === 'manifest')?.value;
  const answer = sendRequest(`${url}/v2/nginx/manifests/latest`);
  await until(() => pullThrough.calls.length === 1);
  assert.equal(await inFlight(), 1);
  open.reject(new CacheError('manifest-unknown', 'No.'));
  assert.equal((await answer).status, 404);
});
