import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, openExchange } from './exchange.ts';
import { withFakeUpstream } from './with-fake-upstream.ts';

test('a test can assert 1 GET for 200 clients', () =>
  withFakeUpstream({}, async (upstream) => {
    const image = upstream.addImage('app', { tag: '1' });
    const blob = `${upstream.url}/v2/app/blobs/${image.config.digest}`;
    await Promise.all(Array.from({ length: 200 }, () => exchange(blob)));
    await exchange(blob, { method: 'HEAD' });
    await exchange(`${upstream.url}/v2/app/manifests/1`);
    assert.equal(upstream.count({ method: 'GET', digest: image.config.digest }), 200);
    assert.equal(upstream.count({ endpoint: 'blob' }), 201);
    assert.equal(upstream.count({ digest: image.digest }), 1);
    assert.equal(upstream.bytesSent(image.config.digest), 200 * image.config.size);
    upstream.reset();
    assert.equal(upstream.count(), 0);
    assert.equal(upstream.bytesSent(image.config.digest), 0);
  }));

test('a request is recorded without its credentials', () =>
  withFakeUpstream({}, async (upstream) => {
    const { digest } = upstream.addBlob('team/app', Buffer.from('0123456789'));
    const headers = { authorization: 'Basic c2VjcmV0', range: 'bytes=2-4', 'user-agent': 'test' };
    await exchange(`${upstream.url}/v2/team/app/blobs/${digest}?ns=example.com`, { headers });
    const [request] = await upstream.waitForRequests({ outcome: 'finished' });
    assert.ok(request);
    assert.equal(JSON.stringify(request).includes('c2VjcmV0'), false);
    const { startedAtMs, endedAtMs = 0, headers: seen, ...rest } = request;
    // real-time: the recorded times are in the past; no duration is asserted
    assert.ok(startedAtMs <= endedAtMs && endedAtMs <= Date.now());
    assert.equal(seen['user-agent'], 'test');
    assert.deepEqual(rest, {
      host: 'registry',
      method: 'GET',
      path: `/v2/team/app/blobs/${digest}`,
      query: { ns: 'example.com' },
      endpoint: 'blob',
      repository: 'team/app',
      reference: digest,
      digest,
      authorized: true,
      authorizationScheme: 'basic',
      range: 'bytes=2-4',
      status: 206,
      bytesSent: 3,
      outcome: 'finished',
    });
  }));

test('requests can be counted by status, range, path and authorization', () =>
  withFakeUpstream({}, async (upstream) => {
    const { digest } = upstream.addBlob('app', Buffer.from('0123456789'));
    await exchange(`${upstream.url}/v2/app/blobs/${digest}`);
    await exchange(`${upstream.url}/v2/app/blobs/${digest}`, { headers: { range: 'bytes=2-4' } });
    await exchange(`${upstream.url}/v2/none/manifests/x`, { headers: { authorization: 'Bearer x' } });
    assert.equal(upstream.count({ status: 206 }), 1);
    assert.equal(upstream.count({ ranged: false, endpoint: 'blob' }), 1);
    assert.equal(upstream.count({ authorized: true }), 1);
    assert.equal(upstream.count({ path: /blobs/ }), 2);
    assert.equal(upstream.count({ repository: 'none', reference: 'x' }), 1);
  }));

test('a request whose client leaves is recorded as aborted', () =>
  withFakeUpstream({}, async (upstream) => {
    const size = 64 * 1024 * 1024;
    const { digest } = upstream.addBlob('app', { size, seed: 1 });
    const response = await openExchange(`${upstream.url}/v2/app/blobs/${digest}`);
    assert.equal(upstream.count({ outcome: 'open', status: 200 }), 1);
    response.destroy();
    const [request] = await upstream.waitForRequests({ outcome: 'aborted' });
    assert.ok(request !== undefined && request.bytesSent < size);
  }));

test('a failed wait for requests lists the requests that arrived instead', () =>
  withFakeUpstream({}, async (upstream) => {
    await exchange(`${upstream.url}/v2/`);
    await assert.rejects(upstream.waitForRequests({ endpoint: 'token' }, 2, 50), {
      message: /no 2 matching requests arrived within 50 ms, but:\n {2}GET \/v2\/ 200 finished/,
    });
  }));
