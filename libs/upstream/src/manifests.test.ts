import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { digestOf, manifestAcceptHeader, parseReference, parseRepositoryName } from '@cistern/oci';
import { openOn, sendJson, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);
const mediaType = 'application/vnd.oci.image.manifest.v1+json';

const failsWith =
  (kind: CacheErrorKind, message = /./, retryable?: boolean) =>
  (error: unknown): boolean => {
    assert.ok(isCacheError(error), String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, /^Upstream "test" \(127\.0\.0\.1:\d+\) .*\.$/);
    assert.match(error.message, message);
    if (retryable !== undefined) assert.equal(error.retryable, retryable);
    return true;
  };

test('a manifest is returned as sent, with the facts of its headers', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, {
      'content-type': `${mediaType}; charset=utf-8`,
      'docker-content-digest': digest,
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '20;w=21600',
    });
    response.end(bytes);
  });
  const { upstream, metrics } = openOn(t, server.url);
  const rateLimit = { limit: 100, remaining: 20, windowSeconds: 21_600 };
  assert.deepEqual(await upstream.getManifest(repository, latest), { bytes, digest, mediaType, rateLimit });
  assert.equal((await metrics.upstreamBudget.remaining.get()).values[0]?.value, 20);
  assert.equal((await metrics.upstreamReceivedBytes.get()).values[0]?.value, bytes.length);
  const [request] = server.requests;
  assert.equal(request?.path, '/v2/a/b/manifests/latest');
  assert.equal(request.headers.accept, manifestAcceptHeader);
  assert.equal(request.headers['accept-encoding'], 'identity');
  assert.equal(request.headers['user-agent'], 'cistern/1.2.3');
  assert.equal(request.headers['x-cistern-hop'], 'hop-1');
});

test('HEAD returns the digest, type and size that the upstream sends', async (t) => {
  let headers: Record<string, string> = {
    'content-type': mediaType,
    'docker-content-digest': digest,
    'content-length': '19',
  };
  const server = await startServer(t, (_request, response) => response.writeHead(200, headers).end());
  const { upstream } = openOn(t, server.url);
  assert.deepEqual(await upstream.headManifest(repository, latest), { digest, mediaType, size: 19 });
  headers = { 'docker-content-digest': 'sha256:abc' };
  assert.deepEqual(await upstream.headManifest(repository, latest), {
    digest: undefined,
    mediaType: 'application/octet-stream',
    size: undefined,
  });
  assert.deepEqual(
    server.requests.map(({ method }) => method),
    ['HEAD', 'HEAD'],
  );
});

test('a request by digest rejects another digest in the header, and ignores one of another algorithm', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'docker-content-digest': digest }).end(bytes);
  });
  const { upstream } = openOn(t, server.url);
  const other = digestOf(Buffer.from('other'));
  await assert.rejects(
    upstream.getManifest(repository, { kind: 'digest', digest: other }),
    failsWith('content-mismatch', /answered with the digest sha256:/),
  );
  const sha512 = digestOf(bytes, 'sha512');
  const manifest = await upstream.getManifest(repository, { kind: 'digest', digest: sha512 });
  assert.equal(manifest.digest, sha512);
  assert.equal(server.requests[1]?.path, `/v2/a/b/manifests/${sha512}`);
});

test('a manifest is accepted up to 4 MiB, and rejected with one byte more', async (t) => {
  let size = 4 * 1024 * 1024;
  const server = await startServer(t, (_request, response) => response.end(Buffer.alloc(size, ' ')));
  const { upstream } = openOn(t, server.url);
  assert.equal((await upstream.getManifest(repository, latest)).bytes.length, size);
  size += 1;
  await assert.rejects(
    upstream.getManifest(repository, latest),
    failsWith('content-mismatch', /more than the 4194304 bytes/),
  );
});

test('an endless manifest fails with content-mismatch', async (t) => {
  const server = await startServer(t, (_request, response) => {
    const more = (): void =>
      void response.write(Buffer.alloc(1024 * 1024), (error) => void (error ?? setImmediate(more)));
    more();
  });
  await assert.rejects(openOn(t, server.url).upstream.getManifest(repository, latest), failsWith('content-mismatch'));
});

test('an empty manifest fails with content-mismatch', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(200, { 'content-length': 0 }).end());
  await assert.rejects(
    openOn(t, server.url).upstream.getManifest(repository, latest),
    failsWith('content-mismatch', /empty/),
  );
});

test('an encoded answer is rejected, never decoded', async (t) => {
  const server = await startServer(t, (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'GZIP' }).end('x'),
  );
  const { upstream, metrics } = openOn(t, server.url);
  for (const call of [() => upstream.getManifest(repository, latest), () => upstream.getBlob(repository, digest)])
    await assert.rejects(call, failsWith('content-mismatch', /content encoding "gzip"/));
  const { values } = await metrics.upstreamRequests.get();
  assert.equal(values.filter(({ labels, value }) => labels.outcome === 'mismatch' && value === 1).length, 2);
});

const refusals: readonly [status: number, body: unknown, kind: CacheErrorKind, retryable: boolean][] = [
  [404, { errors: [{ code: 'MANIFEST_UNKNOWN' }] }, 'manifest-unknown', false],
  [404, { errors: [{ code: 'NAME_UNKNOWN' }] }, 'name-unknown', false],
  [404, 'Not here', 'manifest-unknown', false],
  [410, null, 'manifest-unknown', false],
  [403, { errors: 1 }, 'denied', false],
  [451, {}, 'denied', false],
  [408, {}, 'upstream-timeout', true],
  [429, {}, 'upstream-rate-limited', true],
  [400, {}, 'upstream-unreachable', false],
  [501, {}, 'upstream-unreachable', true],
  [508, {}, 'loop-detected', false],
  [204, undefined, 'content-mismatch', false],
];

for (const [status, body, kind, retryable] of refusals)
  test(`a manifest answered with ${status} ${JSON.stringify(body)} fails with ${kind}, without a retry`, async (t) => {
    const server = await startServer(t, (_request, response) => {
      if (body === undefined) response.writeHead(status).end();
      else sendJson(response, status, body);
    });
    await assert.rejects(
      openOn(t, server.url).upstream.getManifest(repository, latest),
      failsWith(kind, /./, retryable),
    );
    assert.equal(server.requests.length, 1);
  });

test('a 429 is reported with its Retry-After', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(429, { 'retry-after': '60' }).end());
  await assert.rejects(
    openOn(t, server.url).upstream.headManifest(repository, latest),
    (error) => failsWith('upstream-rate-limited')(error) && isCacheError(error) && (error.retryAfterMs ?? 0) >= 60_000,
  );
  assert.equal(server.requests.length, 1);
});

test('a 5xx is tried three times with the same method', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(503).end());
  const { upstream, metrics } = openOn(t, server.url);
  await assert.rejects(upstream.headManifest(repository, latest), failsWith('upstream-unreachable', /\(503\)/, true));
  assert.deepEqual(
    server.requests.map(({ method }) => method),
    ['HEAD', 'HEAD', 'HEAD'],
  );
  const { values } = await metrics.upstreamRequests.get();
  assert.equal(
    values.find(({ labels }) => labels.outcome === 'unreachable' && labels.operation === 'head-manifest')?.value,
    3,
  );
});

test('a 503 with a Retry-After is not retried, and is reported with it', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(503, { 'retry-after': '5' }).end());
  await assert.rejects(
    openOn(t, server.url).upstream.getManifest(repository, latest),
    (error) => failsWith('upstream-unreachable')(error) && isCacheError(error) && error.retryAfterMs === 5000,
  );
  assert.equal(server.requests.length, 1);
});

test('a retry recovers from a connection reset and from a body that breaks', async (t) => {
  const faults = [
    (socket: Socket): void => void socket.resetAndDestroy(),
    (socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"schema'),
  ];
  const server = await startServer(t, (_request, response) => {
    const fault = faults.shift();
    if (fault === undefined || response.socket === null) response.end(bytes);
    else fault(response.socket);
  });
  assert.deepEqual((await openOn(t, server.url).upstream.getManifest(repository, latest)).bytes, bytes);
  assert.equal(server.requests.length, 3);
});

test('a port without a listener is unreachable', async (t) => {
  const server = createServer();
  const { port } = await listenAndClose(server);
  const { upstream } = openOn(t, `http://127.0.0.1:${port}`);
  await assert.rejects(
    upstream.getManifest(repository, latest),
    failsWith('upstream-unreachable', /refused the connection/, true),
  );
});

test('an answer that is not HTTP fails with upstream-unreachable', async (t) => {
  const server = await startServer(t, (_request, { socket }) => socket?.end('SSH-2.0-OpenSSH_9.9\r\n'));
  const { upstream } = openOn(t, server.url);
  await assert.rejects(upstream.getManifest(repository, latest), failsWith('upstream-unreachable', /not HTTP/));
});

test('every call fails after close', async (t) => {
  const server = await startServer(t, (_request, response) => response.end(bytes));
  const { upstream } = openOn(t, server.url);
  await upstream.getManifest(repository, latest);
  await upstream.close();
  await assert.rejects(
    upstream.getManifest(repository, latest),
    failsWith('upstream-unreachable', /was closed in this process/, false),
  );
});

async function listenAndClose(server: Server): Promise<AddressInfo> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return address;
}
