import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import type { OpenUpstreamOptions } from '../open/open-upstream.ts';
import { type Answer, openOn, startServer } from '../testing/scripted-server.ts';
import type { Upstream } from '../upstream.ts';
import { ExtraRefused } from '../transport/extra-refused.ts';

const repository = parseRepositoryName('a/b');
const blob = Buffer.from('a blob');
const digest = digestOf(blob);
const range = { from: 2, toExclusive: 4 } as const;
const extra = { ...range, isExtra: true } as const;

const sendRange = (response: ServerResponse): void =>
  void response
    .writeHead(206, { 'content-range': `bytes 2-3/${blob.length}`, 'content-length': 2 })
    .end(blob.subarray(2, 4));
const refusedBy = (by: 'host' | 'cap') => (error: unknown) => error instanceof ExtraRefused && error.by === by;

async function read(upstream: Upstream, options: typeof range | typeof extra): Promise<string> {
  const { body } = await upstream.getBlob(repository, digest, options);
  return Buffer.concat(await Array.fromAsync(body)).toString();
}

/** Starts a registry that answers blob requests with `answer` while `isBad`, and all other requests well. */
async function stage(t: TestContext, answer: Answer, options: Partial<OpenUpstreamOptions> = {}) {
  const state = { isBad: true };
  const server = await startServer(t, (request, response) => {
    if (request.url?.includes('/blobs/') !== true) response.writeHead(200, { 'content-length': 0 }).end();
    else if (state.isBad) answer(request, response);
    else sendRange(response);
  });
  return { ...openOn(t, server.url, options), server, state };
}

const refusals: Readonly<Record<string, Answer>> = {
  '429': (_, response) => response.writeHead(429, { 'retry-after': '3600' }).end(),
  '429 that reports the pulls left': (_, response) =>
    response.writeHead(429, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }).end(),
  '503': (_, response) => response.writeHead(503, { 'retry-after': '3600' }).end(),
  '500': (_, response) => response.writeHead(500).end(),
  'a connection that breaks': (request) => request.socket.destroy(),
};

for (const [name, answer] of Object.entries(refusals))
  test(`an extra request that is answered with ${name} is not retried and does not affect other requests`, async (t) => {
    const { upstream, server, state, metrics, logLines } = await stage(t, answer);
    for (let count = 1; count <= 6; count += 1) {
      await assert.rejects(upstream.getBlob(repository, digest, extra), refusedBy('host'));
      assert.equal(server.requests.length, count);
    }
    state.isBad = false;
    assert.equal(await read(upstream, range), blob.toString('utf8', 2, 4));
    await upstream.headManifest(repository, parseReference('latest'));
    assert.equal((await metrics.upstreamEndpointState.get()).values[0]?.value, 0);
    assert.doesNotMatch(logLines.join(''), /"level":"(?:warn|error)"|circuit breaker opened/);
  });

test('an extra request without an answer ends after ten seconds, and its registry does not count as silent', async (t) => {
  const { upstream, state, metrics } = await stage(t, () => {});
  // The time is virtual.
  const beganAtMs = performance.now();
  await assert.rejects(upstream.getBlob(repository, digest, extra), refusedBy('host'));
  assert.ok(performance.now() - beganAtMs < 11_000);
  state.isBad = false;
  assert.equal(await read(upstream, range), 'bl');
  assert.equal((await metrics.upstreamEndpointState.get()).values[0]?.value, 0);
});

test('connections that fail for extra requests open no breaker', async (t) => {
  const server = await startServer(t, (_, response) => sendRange(response));
  let isReachable = false;
  const { upstream } = openOn(t, `http://registry.example:${server.port}`, {
    lookup: (_host, options, found) => {
      if (!isReachable) found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
      else if (options.all === true) found(null, [{ address: '127.0.0.1', family: 4 }]);
      else found(null, '127.0.0.1', 4);
    },
  });
  for (let count = 0; count < 6; count += 1)
    await assert.rejects(upstream.getBlob(repository, digest, extra), refusedBy('host'));
  isReachable = true;
  assert.equal(await read(upstream, range), 'bl');
});

test('an extra request reports errors about the blob itself unchanged', async (t) => {
  let status = 404;
  const { upstream } = await stage(t, (_, response) => response.writeHead(status).end());
  await assert.rejects(upstream.getBlob(repository, digest, extra), { kind: 'blob-unknown' });
  status = 416;
  await assert.rejects(upstream.getBlob(repository, digest, extra), { kind: 'range-unsatisfiable' });
  status = 200;
  await assert.rejects(upstream.getBlob(repository, digest, extra), { kind: 'unsupported' });
});

test('extra requests carry the token of the registry and follow its redirect', async (t) => {
  const storage = await startServer(t, (_, response) => sendRange(response));
  const server = await startServer(t, ({ url, headers }, response) => {
    if (url?.startsWith('/token') === true) response.end('{"token":"t"}');
    else if (headers.authorization !== 'Bearer t')
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${server.url}/token"` }).end();
    else response.writeHead(307, { location: `${storage.url}/signed`, 'content-length': 0 }).end();
  });
  const { upstream } = openOn(t, server.url, { allowPrivate: true });
  assert.equal((await upstream.getBlob(repository, digest, extra)).host, new URL(storage.url).host);
  assert.equal(await read(upstream, extra), 'bl');
  assert.equal(server.requests.filter(({ path }) => path.startsWith('/token')).length, 1);
});

test('an extra request begins only if a connection is free, and never waits for one', async (t) => {
  const waiting: ServerResponse[] = [];
  const { upstream, server } = await stage(t, (_, response) => void waiting.push(response), { maxConnections: 2 });
  const first = upstream.getBlob(repository, digest, range);
  await until(() => waiting.length === 1);
  const second = upstream.getBlob(repository, digest, extra);
  await until(() => waiting.length === 2);
  await assert.rejects(upstream.getBlob(repository, digest, extra), refusedBy('cap'));
  const third = upstream.getBlob(repository, digest, range);
  // One connection becomes free, and the waiting request takes it.
  sendRange(waiting.shift()!);
  assert.equal(Buffer.concat(await Array.fromAsync((await first).body)).toString(), 'bl');
  await assert.rejects(upstream.getBlob(repository, digest, extra), refusedBy('cap'));
  await until(() => waiting.length === 2);
  for (const response of waiting.splice(0)) sendRange(response);
  for (const opened of [await second, await third]) await Array.fromAsync(opened.body);
  assert.equal(server.requests.length, 3);
  await until(() => server.openConnections() <= 2);
  const last = upstream.getBlob(repository, digest, extra);
  await until(() => waiting.length === 1);
  sendRange(waiting.shift()!);
  await Array.fromAsync((await last).body);
});

test('a closed body, a refusal and a HEAD release their connections', async (t) => {
  let status = 206;
  const { upstream } = await stage(
    t,
    ({ method }, response) => {
      if (method === 'HEAD' || status !== 206) response.writeHead(status === 206 ? 200 : status).end();
      else sendRange(response);
    },
    { maxConnections: 1 },
  );
  (await upstream.getBlob(repository, digest, range)).close();
  await upstream.headBlob(repository, digest);
  status = 404;
  await assert.rejects(upstream.getBlob(repository, digest, range), { kind: 'blob-unknown' });
  status = 206;
  for (let count = 0; count < 3; count += 1) assert.equal(await read(upstream, extra), 'bl');
});

test('an alternate never answers an extra request', async (t) => {
  const alternate = await startServer(t, (_, response) => sendRange(response));
  const { upstream } = await stage(t, refusals['503']!, {
    alternates: [{ url: alternate.url }],
    connectionsPerBlob: 3,
  });
  assert.equal(upstream.connectionsPerBlob, 3);
  await assert.rejects(upstream.getBlob(repository, digest, extra), refusedBy('host'));
  assert.equal(alternate.requests.length, 0);
});

test('an extra body that breaks is resumed, and fails with ExtraRefused if the resume fails', async (t) => {
  let requests = 0;
  const { upstream } = await stage(t, (_, response) => {
    requests += 1;
    if (requests > 1) response.writeHead(503).end();
    else {
      response.writeHead(206, { 'content-range': `bytes 2-3/${blob.length}`, 'content-length': 2 });
      response.write(blob.subarray(2, 3), () => response.destroy());
    }
  });
  await assert.rejects(read(upstream, extra), refusedBy('host'));
  assert.equal(requests, 2);
});
