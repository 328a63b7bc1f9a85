import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from '../testing/scripted-server.ts';
import type { Upstream, UpstreamBlobBody } from '../upstream.ts';

const repository = parseRepositoryName('a/b');
const blob = Buffer.from('a blob');
const digest = digestOf(blob);
const range = { from: 2, toExclusive: 4 } as const;

const readAll = async ({ body }: UpstreamBlobBody): Promise<string> =>
  Buffer.concat(await Array.fromAsync(body)).toString();
const sendWhole = (response: ServerResponse): void =>
  void response.writeHead(200, { 'content-length': blob.length }).end(blob);
const sendRange = (response: ServerResponse): void =>
  void response
    .writeHead(206, { 'content-range': `bytes 2-3/${blob.length}`, 'content-length': 2 })
    .end(blob.subarray(2, 4));

async function isUnsupported(upstream: Upstream): Promise<void> {
  await assert.rejects(upstream.getBlob(repository, digest, range), (error) => {
    assert.ok(isCacheError(error, 'unsupported'), String(error));
    assert.match(error.message, /does not support range requests/);
    return true;
  });
}

test('a range from an upstream without ranges fails with unsupported, and the connection is closed', async (t) => {
  const server = await startServer(t, (_, response) => sendWhole(response));
  await isUnsupported(openOn(t, server.url).upstream);
  await until(() => server.openConnections() === 0);
});

test(
  'an upstream that answered a range with the whole blob receives no range request for an hour',
  { timeout: 7_200_000 },
  async (t) => {
    let hasRanges = false;
    const server = await startServer(t, ({ headers }, response) =>
      hasRanges && headers.range !== undefined ? sendRange(response) : sendWhole(response),
    );
    const { upstream } = openOn(t, server.url);
    await isUnsupported(upstream);
    hasRanges = true;
    await delay(3_590_000);
    await isUnsupported(upstream);
    assert.equal(server.requests.length, 1);
    assert.equal(await readAll(await upstream.getBlob(repository, digest)), blob.toString());
    await delay(20_000);
    assert.equal(await readAll(await upstream.getBlob(repository, digest, range)), 'bl');
  },
);

test('a broken body is resumed although ranges are blocked for an hour, and a success ends the block', async (t) => {
  let requests = 0;
  const server = await startServer(t, ({ headers }, response) => {
    requests += 1;
    if (requests === 1) return sendWhole(response);
    if (headers.range === 'bytes=2-3') return sendRange(response);
    if (headers.range === undefined) {
      response.writeHead(200, { 'content-length': blob.length });
      return void response.write(blob.subarray(0, 4), () => response.destroy());
    }
    response.writeHead(206, { 'content-range': 'bytes 4-5/6', 'content-length': 2 }).end(blob.subarray(4));
  });
  const { upstream } = openOn(t, server.url);
  await isUnsupported(upstream);
  assert.equal(await readAll(await upstream.getBlob(repository, digest)), blob.toString());
  assert.equal(await readAll(await upstream.getBlob(repository, digest, range)), 'bl');
});

for (const [refusals, outcome] of [
  [1, 'bl'],
  [2, 'upstream-unreachable'],
] as const)
  test(`a range whose signed URL is refused ${refusals} times ends with ${outcome}`, async (t) => {
    const storage = await startServer(t, ({ url }, response) => {
      if (Number(/\d+$/.exec(url ?? '')) <= refusals) response.writeHead(403).end('<Error/>');
      else sendRange(response);
    });
    const server = await startServer(t, (_, response) =>
      response.writeHead(307, { location: `${storage.url}/x?signature=${server.requests.length}` }).end(),
    );
    const { upstream } = openOn(t, server.url, { allowPrivate: true });
    const got = await upstream.getBlob(repository, digest, range).then(readAll, (error: unknown) => {
      assert.ok(isCacheError(error));
      return error.kind;
    });
    assert.equal(got, outcome);
    assert.deepEqual([server.requests.length, storage.requests.length], [2, 2]);
  });

test('a range that the registry itself denies is not requested again', async (t) => {
  const server = await startServer(t, (_, response) => response.writeHead(403).end());
  await assert.rejects(openOn(t, server.url).upstream.getBlob(repository, digest, range), { kind: 'denied' });
  assert.equal(server.requests.length, 1);
});
