import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const digest = digestOf(Buffer.from('blob'));
const left = new Error('left');

const sendForEver = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-length': 1e9 });
  const more = (): void => void response.write(Buffer.alloc(64 * 1024), (error) => void (error ?? setImmediate(more)));
  more();
};

test('a caller that leaves before the answer closes the connection', async (t) => {
  const server = await startServer(t, () => {});
  const { upstream, metrics } = openOn(t, server.url);
  const controller = new AbortController();
  const calls = [
    upstream.getManifest(repository, latest, { signal: controller.signal }),
    upstream.getBlob(repository, digest, { signal: controller.signal }),
  ];
  await until(() => server.requests.length === 2);
  controller.abort(left);
  for (const call of calls) await assert.rejects(call, left);
  await until(() => server.openConnections() === 0);
  const { values } = await metrics.upstreamRequests.get();
  assert.equal(values.filter(({ labels, value }) => labels.outcome === 'aborted' && value === 1).length, 2);
});

test('a call whose signal has already fired sends no request', async (t) => {
  const server = await startServer(t, () => {});
  const { upstream } = openOn(t, server.url);
  await assert.rejects(upstream.getManifest(repository, latest, { signal: AbortSignal.abort(left) }), left);
  assert.equal(server.requests.length, 0);
});

test('a caller that leaves in the middle of a body closes the connection', async (t) => {
  const server = await startServer(t, (_request, response) => sendForEver(response));
  const controller = new AbortController();
  const { body } = await openOn(t, server.url).upstream.getBlob(repository, digest, { signal: controller.signal });
  const iterator = body[Symbol.asyncIterator]();
  await iterator.next();
  controller.abort(left);
  await assert.rejects(async () => {
    while ((await iterator.next()).done !== true);
  }, left);
  await until(() => server.openConnections() === 0);
});

test('an iteration that ends early closes the connection', async (t) => {
  const server = await startServer(t, (_request, response) => sendForEver(response));
  const { upstream } = openOn(t, server.url);
  for (let round = 0; round < 3; round += 1) {
    const { body } = await upstream.getBlob(repository, digest);
    for await (const chunk of body) {
      assert.ok(chunk.length > 0);
      break;
    }
  }
  await until(() => server.openConnections() === 0);
});

test('ending an iteration that never began closes the connection', async (t) => {
  const server = await startServer(t, (_request, response) => sendForEver(response));
  const { body } = await openOn(t, server.url).upstream.getBlob(repository, digest);
  await body[Symbol.asyncIterator]().return?.();
  await until(() => server.openConnections() === 0);
});

test('close ends a read that is waiting', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('1');
  });
  const { body, close } = await openOn(t, server.url).upstream.getBlob(repository, digest);
  const iterator = body[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  close();
  await assert.rejects(waiting, { name: 'AbortError' });
  await until(() => server.openConnections() === 0);
  assert.equal(server.requests.length, 1);
});

test('a slow reader slows the upstream down', async (t) => {
  let written = 0;
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 1e9 });
    const more = (): void =>
      void response.write(Buffer.alloc(1024 * 1024), (error) => {
        written += 1;
        if (!error) setImmediate(more);
      });
    more();
  });
  const { close } = await openOn(t, server.url).upstream.getBlob(repository, digest);
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < 32, `${written} MiB were read without a reader`);
  close();
});

test('a body that was read to its end leaves its connection for the next request', async (t) => {
  const server = await startServer(t, (_request, response) =>
    response.writeHead(200, { 'content-length': 4 }).end('blob'),
  );
  const { upstream } = openOn(t, server.url);
  for (let round = 0; round < 5; round += 1) {
    const { body } = await upstream.getBlob(repository, digest);
    assert.equal(Buffer.concat(await Array.fromAsync(body)).toString(), 'blob');
    await upstream.headBlob(repository, digest);
  }
  assert.equal(server.requests.length, 10);
  // Undici opens a second connection while it checks the first one.
  assert.ok(server.peakConnections() <= 2);
  assert.equal(server.openConnections(), server.peakConnections());
  await upstream.close();
  await until(() => server.openConnections() === 0);
});

test('the number of connections never exceeds the limit', async (t) => {
  const waiting: ServerResponse[] = [];
  const server = await startServer(t, (_request, response) => waiting.push(response));
  const { upstream } = openOn(t, server.url, { maxConnections: 3 });
  const calls = Array.from({ length: 10 }, () => upstream.headBlob(repository, digest));
  for (let answered = 0; answered < 10; answered += 1) {
    await until(() => waiting.length > 0);
    waiting.shift()?.writeHead(200, { 'content-length': 4 }).end();
  }
  assert.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 10 }, () => 4),
  );
  assert.equal(server.peakConnections(), 3);
});

test('close ends a body with upstream-unreachable', async (t) => {
  const server = await startServer(t, (_request, response) => sendForEver(response));
  const { upstream } = openOn(t, server.url);
  const { body } = await upstream.getBlob(repository, digest);
  const iterator = body[Symbol.asyncIterator]();
  await iterator.next();
  await upstream.close();
  await assert.rejects(
    async () => {
      while ((await iterator.next()).done !== true);
    },
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
  await until(() => server.openConnections() === 0);
});
