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

test('a connection that is not accepted in time fails the call', async (t) => {
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

test('a call without headers in time fails and is not retried', async (t) => {
  // The registry answers pings, so it does not count as silent.
  const server = await startServer(t, ({ url }, response) => void (url === '/v2/' && response.end()));
  const { upstream } = openOn(t, server.url, { timeouts: { headersTimeoutMs: 50 } });
  await assert.rejects(upstream.getManifest(repository, latest), isTimeout(/did not begin its answer in time/));
  await assert.rejects(upstream.getBlob(repository, digest), isTimeout(/did not begin its answer in time/));
  assert.equal(server.requests.filter(({ path }) => path !== '/v2/').length, 2);
  // One connection is for pings.
  await until(() => server.openConnections() <= 1);
});

test('a manifest that stalls fails the call', async (t) => {
  const server = await startServer(t, (_request, response) => response.write('{'));
  const { upstream } = openOn(t, server.url, { timeouts: { bodyIdleTimeoutMs: 50 } });
  await assert.rejects(upstream.getManifest(repository, latest), isTimeout(/stalled in the middle/));
  await until(() => server.openConnections() === 0);
});

test('a manifest that arrives very slowly fails at the deadline', async (t) => {
  const server = await startServer(t, (_request, response) => {
    const timer = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(timer));
  });
  const { upstream } = openOn(t, server.url, { timeouts: { deadlineMs: 150 } });
  await assert.rejects(
    upstream.getManifest(repository, latest),
    isTimeout(/took too long to answer the request for the tag latest/),
  );
  await until(() => server.openConnections() === 0);
});

test('the deadline ends the pause before a retry', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(500).end());
  const { upstream } = openOn(t, server.url, { timeouts: { deadlineMs: 30 } });
  await assert.rejects(upstream.headManifest(repository, latest), isTimeout(/took too long/));
});

test('the deadline covers the headers of a blob, not its body', async (t) => {
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
