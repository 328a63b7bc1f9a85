import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { exchange, openExchange } from '../exchange.ts';
import type { FakeUpstream } from '../start-fake-upstream.ts';
import { withFakeUpstream } from '../with-fake-upstream.ts';
import { createGate } from './gate.ts';

const size = 4 * 1024 * 1024;

function withBlob(action: (upstream: FakeUpstream, url: string) => Promise<void>) {
  return withFakeUpstream({}, async (upstream) => {
    const { digest } = upstream.addBlob('app', { size, seed: 1 });
    await action(upstream, `${upstream.url}/v2/app/blobs/${digest}`);
  });
}

test('a body can end early without a reset', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { endAfterBytes: 1_000_000 });
    const { headers, body, broken } = await exchange(url);
    assert.equal(headers['content-length'], String(size));
    assert.deepEqual([body.length, broken], [1_000_000, 'ECONNRESET']);
    await upstream.waitForRequests({ outcome: 'aborted' });
  }));

test('Content-Length can be larger than the body', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { contentLength: size + 5 });
    const { headers, body, broken } = await exchange(url);
    assert.equal(headers['content-length'], String(size + 5));
    assert.deepEqual([body.length, broken], [size, 'ECONNRESET']);
  }));

test('Content-Length can be smaller than the body', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { contentLength: 1000 });
    const { headers, body } = await exchange(url);
    assert.equal(headers['content-length'], '1000');
    assert.equal(body.length, 1000);
  }));

test('a connection can be reset midway, and before the headers', () =>
  withBlob(async (upstream, url) => {
    const midway = upstream.addFault({}, { resetAfterBytes: 1_000_000 });
    const { body, broken } = await exchange(url);
    assert.equal(broken, 'ECONNRESET');
    assert.ok(body.length <= 1_000_000);
    midway.remove();
    upstream.addFault({}, { resetBeforeHeaders: true });
    await assert.rejects(exchange(url), { code: 'ECONNRESET' });
    assert.deepEqual(
      upstream.requests().map(({ bytesSent, status }) => [bytesSent, status]),
      [
        [1_000_000, 200],
        [0, 0],
      ],
    );
  }));

test('a body can stall while the connection stays open', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { stallAfterBytes: 1000 });
    const response = await openExchange(url);
    let received = 0;
    response.on('data', (chunk: Buffer) => (received += chunk.length));
    await upstream.waitForRequests({ outcome: 'open' });
    while (received < 1000) await once(response, 'data');
    assert.deepEqual([received, response.complete, response.destroyed], [1000, false, false]);
    response.destroy();
    await upstream.waitForRequests({ outcome: 'aborted' });
  }));

test('a body can be slow', () =>
  withBlob(async (upstream, url) => {
    upstream.addFault({}, { bytesPerSecond: 1_000_000 });
    // real-time: a lower bound, which a slow machine only exceeds
    const startedAtMs = performance.now();
    const { body } = await exchange(url, { headers: { range: 'bytes=0-199999' } });
    assert.equal(body.length, 200_000);
    // real-time: a lower bound, which a slow machine only exceeds
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs >= 190, `took ${tookMs} ms`);
  }));

test('a gate releases only the bytes that the test allows', () =>
  withBlob(async (upstream, url) => {
    const gate = createGate();
    upstream.addFault({}, { gate });
    const response = await openExchange(url);
    let received = 0;
    response.on('data', (chunk: Buffer) => (received += chunk.length));
    for (const [allowed, total] of [
      [1, 1],
      [299_999, 300_000],
      [700_000, 1_000_000],
    ] as const) {
      await gate.blocked();
      gate.allow(allowed);
      while (received < total) await once(response, 'data');
      await gate.blocked();
      assert.deepEqual([received, gate.passed(), upstream.requests()[0]?.bytesSent], [total, total, total]);
    }
    gate.release();
    await once(response, 'end');
    assert.equal(received, size);
  }));

test('a gate can hold the headers', () =>
  withBlob(async (upstream, url) => {
    const gate = createGate();
    upstream.addFault({}, { gate, gateHeaders: true });
    const opening = openExchange(url);
    await gate.blocked();
    assert.equal(upstream.count({ status: 0, outcome: 'open' }), 1);
    gate.allow(10);
    const response = await opening;
    assert.equal(response.statusCode, 200);
    response.destroy();
  }));

test('a client that leaves a closed gate counts as aborted, and the upstream can close while others wait', () =>
  withBlob(async (upstream, url) => {
    const gate = createGate();
    upstream.addFault({}, { gate });
    const [leaving, staying] = [await openExchange(url), await openExchange(url)];
    const broken = once(staying, 'error');
    leaving.destroy();
    await upstream.waitForRequests({ outcome: 'aborted' });
    await upstream.close();
    await broken;
    assert.equal(upstream.count({ outcome: 'open' }), 0);
  }));
