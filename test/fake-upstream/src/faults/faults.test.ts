import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { exchange } from '../exchange.ts';
import type { FakeUpstream, FakeUpstreamOptions } from '../start-fake-upstream.ts';
import { withFakeUpstream } from '../with-fake-upstream.ts';

const bytes = Buffer.from('0123456789');

function withBlob(
  action: (upstream: FakeUpstream, url: string, digest: string) => Promise<void>,
  options: FakeUpstreamOptions = {},
) {
  return withFakeUpstream(options, async (upstream) => {
    const { digest } = upstream.addBlob('app', bytes);
    await action(upstream, `${upstream.url}/v2/app/blobs/${digest}`, digest);
  });
}

test('a fault can set a status with its own headers and body', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({ endpoint: 'blob' }, { status: 503, headers: { 'retry-after': '7' }, body: 'down for now' });
    const answer = await exchange(url);
    assert.deepEqual(
      [answer.status, answer.headers['retry-after'], answer.body.toString()],
      [503, '7', 'down for now'],
    );
  }));

test('a status without a body gets an OCI error', () =>
  withBlob(async (upstream, url) => {
    for (const [status, code] of [
      [403, 'DENIED'],
      [404, 'BLOB_UNKNOWN'],
      [429, 'TOOMANYREQUESTS'],
      [500, 'UNKNOWN'],
    ] as const) {
      upstream.addFault({}, { status });
      const answer = await exchange(url);
      assert.equal(answer.status, status);
      assert.match(answer.body.toString(), new RegExp(`"code":"${code}"`));
    }
  }));

test('a scripted 401 has the usual challenge of the upstream', () =>
  withBlob(
    async (upstream, url) => {
      const { body } = await exchange(`${upstream.url}/token?scope=repository:app:pull`);
      const { token } = JSON.parse(body.toString()) as { token: string };
      upstream.addFault({ endpoint: 'blob' }, { status: 401 });
      const { status, headers } = await exchange(url, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(status, 401);
      assert.match(headers['www-authenticate'] ?? '', /^Bearer realm=.*error="insufficient_scope"$/);
    },
    { auth: { kind: 'bearer' } },
  ));

test('a fault applies from the nth request on and a given number of times', () =>
  withBlob(async (upstream, url) => {
    const fault = upstream.addFault({ endpoint: 'blob', method: 'GET', nth: 2, times: 2 }, { status: 500 });
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++) {
      await exchange(url, { method: 'HEAD' });
      statuses.push((await exchange(url)).status);
    }
    assert.deepEqual(statuses, [200, 500, 500, 200, 200]);
    assert.equal(fault.hits(), 2);
  }));

test('the fault added last applies first, and faults can be removed', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { status: 500 });
    upstream.addFault({ path: /blobs/, times: 1 }, { status: 404 });
    const last = upstream.addFault({ digest: 'another' }, { status: 403 });
    assert.deepEqual([(await exchange(url)).status, (await exchange(url)).status], [404, 500]);
    last.remove();
    upstream.clearFaults();
    assert.equal((await exchange(url)).status, 200);
  }));

test('a request that authentication refuses gets no fault and does not count', () =>
  withBlob(
    async (upstream, url) => {
      const fault = upstream.addFault({ endpoint: 'blob', times: 1 }, { status: 500 });
      assert.equal((await exchange(url)).status, 401);
      const authorization = `Basic ${Buffer.from('ann:a').toString('base64')}`;
      assert.equal((await exchange(url, { headers: { authorization } })).status, 500);
      assert.equal(fault.hits(), 1);
    },
    { auth: { kind: 'basic', accounts: [{ username: 'ann', password: 'a' }] } },
  ));

test('headers can be wrong or missing', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault(
      {},
      { headers: { 'docker-content-digest': null, 'content-range': 'bytes 0-2/10', 'x-more': '1' } },
    );
    const { status, headers } = await exchange(url, { headers: { range: 'bytes=2-4' } });
    assert.equal(status, 206);
    assert.equal('docker-content-digest' in headers, false);
    assert.deepEqual([headers['content-range'], headers['x-more']], ['bytes 0-2/10', '1']);
  }));

test('a range can be ignored', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { ignoreRange: true });
    const answer = await exchange(url, { headers: { range: 'bytes=2-4' } });
    assert.deepEqual([answer.status, answer.body.toString()], [200, '0123456789']);
  }));

test('a byte can be wrong, even in a range', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { flipByteAt: 3 });
    assert.equal((await exchange(url)).body[3], bytes[3]! ^ 0xff);
    const part = await exchange(url, { headers: { range: 'bytes=2-4' } });
    assert.deepEqual([...part.body], [bytes[2], bytes[3]! ^ 0xff, bytes[4]]);
  }));

test('the content can have another size, and all headers match it', () =>
  withBlob(async (upstream, url) => {
    const fault = upstream.addFault({}, { size: 4 });
    const cut = await exchange(url);
    assert.deepEqual([cut.headers['content-length'], cut.body.toString(), cut.broken], ['4', '0123', undefined]);
    fault.remove();
    upstream.addFault({}, { size: 12 });
    assert.equal((await exchange(url, { headers: { range: 'bytes=11-' } })).headers['content-range'], 'bytes 11-11/12');
  }));

test('without Content-Length the body is chunked', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { contentLength: 'absent' });
    const { headers, body } = await exchange(url);
    assert.deepEqual([headers['content-length'], headers['transfer-encoding']], [undefined, 'chunked']);
    assert.deepEqual(body, bytes);
  }));

test('a body can be compressed', () =>
  withFakeUpstream({}, async (upstream) => {
    const large = Buffer.alloc(600_000, 'abc');
    const { digest } = upstream.addBlob('app', large);
    upstream.addFault({}, { gzip: true });
    const { headers, body } = await exchange(`${upstream.url}/v2/app/blobs/${digest}`);
    assert.equal(headers['content-encoding'], 'gzip');
    assert.ok(body.length < large.length / 10);
    assert.deepEqual(gunzipSync(body), large);
  }));

test('a redirect leads to another host, which records whether Authorization was sent', () =>
  withBlob(async (upstream, url, digest) => {
    upstream.addFault({ endpoint: 'blob', method: 'GET' }, { redirectTo: 'other-host' });
    const headers = { authorization: 'Bearer leaked' };
    const { status, headers: answered } = await exchange(url, { headers });
    assert.equal(status, 307);
    const location = answered.location ?? '';
    assert.ok(location.startsWith(`${upstream.urlOf('other-host')}/`));
    assert.deepEqual((await exchange(location)).body, bytes);
    assert.equal((await exchange(location, { headers: { ...headers, range: 'bytes=1-1' } })).body.toString(), '1');
    const redirected = upstream.requests({ endpoint: 'redirected-blob', digest, host: 'other-host' });
    assert.deepEqual(
      redirected.map(({ authorized }) => authorized),
      [false, true],
    );
    assert.equal(upstream.bytesSent(digest), bytes.length + 1);
  }));

test('a response can be late', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { delayMs: 60 });
    // real-time: a lower bound, which a slow machine only exceeds
    const startedAtMs = performance.now();
    await exchange(url);
    // real-time: a lower bound, which a slow machine only exceeds
    assert.ok(performance.now() - startedAtMs >= 59);
  }));

test('connections can be refused, and accepted again at the same address', () =>
  withBlob(async (upstream, url) => {
    await exchange(url);
    await upstream.refuseConnections();
    await assert.rejects(exchange(url), { code: 'ECONNREFUSED' });
    await upstream.refuseConnections();
    await upstream.acceptConnections();
    assert.deepEqual((await exchange(url)).body, bytes);
  }));
