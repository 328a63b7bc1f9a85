import assert from 'node:assert/strict';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createMetrics } from '@cistern/telemetry';
import { buildHealth, type HealthOptions } from './health.ts';
import type { Problem } from './problem-board.ts';

const unavailable: Problem = {
  kind: 'store-unavailable',
  part: 'store',
  severity: 'critical',
  isUnready: true,
  reason: 'connection refused',
  works: 'Content in memory is served.',
  mend: 'Start the S3 server.',
  sinceMs: 7,
};
const full: Problem = { ...unavailable, kind: 'store-full', isUnready: false, reason: 'It is full.', node: 'cache-1' };
const { isUnready: _isUnready, sinceMs: _sinceMs, ...words } = unavailable;
const shown = { ...words, subject: null, node: null, since: 7 };

const found = (...problems: readonly Problem[]) => ({ look: async () => problems });

async function startHealth(t: TestContext, options: Partial<HealthOptions> = {}): Promise<string> {
  const app = buildHealth({ problems: found(), isDraining: () => false, ...options });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

async function sendRequest(url: string, options: { readonly method?: string } = {}) {
  const answer = await fetch(url, options);
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

const json = (body: string) => JSON.parse(body) as unknown;

test('a healthy process returns 200 on all paths', async (t) => {
  const url = await startHealth(t, { problems: found() });
  for (const path of ['/healthz', '/readyz', '/debug/health']) {
    assert.equal((await sendRequest(url + path)).status, 200, path);
    assert.equal((await sendRequest(url + path, { method: 'HEAD' })).status, 200, path);
  }
  assert.deepEqual(json((await sendRequest(`${url}/debug/health`)).body), {});
  assert.deepEqual(json((await sendRequest(`${url}/readyz`)).body), {
    ready: true,
    draining: false,
    failing: {},
    degraded: {},
    problems: [],
  });
});

interface Health {
  readonly status: number | undefined;
  readonly body: string;
}

function requestAs(host: string, url: string): Promise<Health> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host }, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(chunks).toString() }));
    }).on('error', reject);
  });
}

const statusFor = async (url: string, host: string) => (await requestAs(host, `${url}/metrics`)).status;

test('a loopback listener serves metrics only to loopback names', async (t) => {
  const metricsRegistry = createMetrics().registry;
  const url = await startHealth(t, { metricsRegistry, isLoopbackOnly: true });
  for (const host of ['localhost:5001', '127.0.0.1:5001', '[::1]:5001', 'cache.localhost'])
    assert.equal(await statusFor(url, host), 200, host);
  const others = [
    'evil.example:5001',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    'xlocalhost',
  ];
  others.push(
    '192.0.2.1',
    '0.0.0.0',
    '127.1',
    '2130706433',
    '0x7f000001',
    '127.0.0.1.',
    'localhost.',
    '[::]',
    '[::ffff:7f00:1]',
  );
  for (const host of others) assert.equal(await statusFor(url, host), 421, host);
  assert.equal(await statusFor(await startHealth(t, { metricsRegistry }), 'cistern-worker-0:5001'), 200);
});

test('a balancer may check a loopback listener with any name, and gets no reasons', async (t) => {
  const url = await startHealth(t, { problems: found(unavailable), isLoopbackOnly: true });
  assert.deepEqual(await requestAs('cistern', `${url}/healthz`), { status: 200, body: '{"alive":true}' });
  assert.deepEqual(await requestAs('cistern', `${url}/readyz`), { status: 503, body: '{"ready":false}' });
  assert.deepEqual(await requestAs('cistern', `${url}/debug/health`), { status: 503, body: '{}' });
  assert.match((await requestAs('localhost', `${url}/readyz`)).body, /connection refused/);
});

test('a failing check is named and makes the process unready, but the process is alive', async (t) => {
  const url = await startHealth(t, { problems: found(unavailable) });
  const ready = await sendRequest(`${url}/readyz`);
  assert.equal(ready.status, 503);
  assert.deepEqual(json(ready.body), {
    ready: false,
    draining: false,
    failing: { store: 'connection refused' },
    degraded: {},
    problems: [shown],
  });
  const debug = await sendRequest(`${url}/debug/health`);
  assert.equal(debug.status, 503);
  assert.deepEqual(json(debug.body), { store: 'connection refused' });
  assert.equal((await sendRequest(`${url}/healthz`)).status, 200);
});

test('a degraded part is named, and the process is still ready', async (t) => {
  const url = await startHealth(t, { problems: found(full, { ...full, part: 'index', subject: 'one' }) });
  const { status, body } = await sendRequest(`${url}/readyz`);
  assert.equal(status, 200);
  assert.partialDeepStrictEqual(json(body), {
    ready: true,
    failing: {},
    degraded: { store: 'It is full.', index: 'It is full.' },
    problems: [
      { part: 'store', kind: 'store-full', node: 'cache-1' },
      { part: 'index', subject: 'one' },
    ],
  });
  assert.equal((await sendRequest(`${url}/debug/health`)).status, 200);
});

test('a draining process is unready and still healthy', async (t) => {
  let draining = false;
  const url = await startHealth(t, { isDraining: () => draining });
  assert.equal((await sendRequest(`${url}/readyz`)).status, 200);
  draining = true;
  assert.equal((await sendRequest(`${url}/readyz`)).status, 503);
  assert.equal((await sendRequest(`${url}/healthz`)).status, 200);
  assert.equal((await sendRequest(`${url}/debug/health`)).status, 200);
});

test('metrics are served on the configured path', async (t) => {
  const { registry } = createMetrics();
  const url = await startHealth(t, { metricsRegistry: registry, metricsPath: '/own/metrics' });
  const { status, headers, body } = await sendRequest(`${url}/own/metrics`);
  assert.equal(status, 200);
  assert.equal(headers.get('content-type'), registry.contentType);
  assert.match(body, /^cistern_build_info\{/m);
  assert.equal((await sendRequest(`${url}/metrics`)).status, 404);
  const without = await startHealth(t);
  assert.equal((await sendRequest(`${without}/metrics`)).status, 404);
});
