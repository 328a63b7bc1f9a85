import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const digest = digestOf(Buffer.from('blob'));

const isTimeout =
  (message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isCacheError(error, 'upstream-timeout'), String(error));
    assert.match(error.message, message);
    return error.retryable;
  };

test('a connection that does not come about ends the call', async (t) => {
  const { upstream, metrics } = openOn(t, 'http://registry.example', {
    timeouts: { connectTimeoutMs: 50 },
    lookup: () => {},
  });
  await assert.rejects(upstream.getManifest(repository, latest), isTimeout(/did not accept a connection in time/));
  const { values } = await metrics.upstreamRequests.get();
  assert.equal(
    values.find(({ labels }) => labels.outcome === 'timeout' && labels.operation === 'get-manifest')?.value,
    1,
  );
});

test('headers that do not come end the call, which is not tried again', async (t) => {
  // It lives, which is what it is asked before.
  const server = await startServer(t, ({ url }, response) => void (url === '/v2/' && response.end()));
  const { upstream } = openOn(t, server.url, { timeouts: { headersTimeoutMs: 50 } });
  await assert.rejects(upstream.getManifest(repository, latest), isTimeout(/did not begin its answer in time/));
  await assert.rejects(upstream.getBlob(repository, digest), isTimeout(/did not begin its answer in time/));
  assert.equal(server.requests.filter(({ path }) => path !== '/v2/').length, 2);
  // The one for signs of life.
  await until(() => server.openConnections() <= 1);
});

test('a manifest that stalls ends the call', async (t) => {
  const server = await startServer(t, (_request, response) => response.write('{'));
  const { upstream } = openOn(t, server.url, { timeouts: { bodyIdleTimeoutMs: 50 } });
  await assert.rejects(upstream.getManifest(repository, latest), isTimeout(/stopped in the middle/));
  await until(() => server.openConnections() === 0);
});

test('a manifest that drips ends at the deadline', async (t) => {
  const server = await startServer(t, (_request, response) => {
    const timer = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(timer));
  });
  const { upstream } = openOn(t, server.url, { timeouts: { deadlineMs: 150 } });
  await assert.rejects(
    upstream.getManifest(repository, latest),
    isTimeout(/took too long to answer for the tag latest/),
  );
  await until(() => server.openConnections() === 0);
});

test('retries end at the deadline, in the middle of a pause', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(500).end());
  const { upstream } = openOn(t, server.url, { timeouts: { deadlineMs: 30 } });
  await assert.rejects(upstream.headManifest(repository, latest), isTimeout(/took too long/));
});

test('a body takes as long as it takes: its deadline is for the headers only', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 4 });
    response.write('b');
    setTimeout(() => response.end('lob'), 300);
  });
  const { upstream } = openOn(t, server.url, { timeouts: { deadlineMs: 150 } });
  const { body } = await upstream.getBlob(repository, digest);
  assert.equal(Buffer.concat(await Array.fromAsync(body)).toString(), 'blob');
  assert.equal(server.requests.length, 1);
});
