import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from '../testing/scripted-server.ts';
import type { UpstreamBlobBody } from '../upstream.ts';

const repository = parseRepositoryName('a/b');
const blob = randomBytes(3 * 1024 * 1024 + 17);
const digest = digestOf(blob);
const etag = '"strong"';

const readAll = async ({ body }: UpstreamBlobBody): Promise<Buffer> => Buffer.concat(await Array.fromAsync(body));

interface SendOptions {
  /** The connection breaks before this byte of the blob. */
  readonly breakAt?: number;
  readonly chunked?: boolean;
  readonly headers?: Record<string, string | number>;
  readonly content?: Buffer;
}

/** Answers like a registry that supports ranges. */
function send(request: IncomingMessage, response: ServerResponse, options: SendOptions = {}): void {
  const { breakAt, chunked = false, headers = {}, content = blob } = options;
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const end = to === undefined || to === '' ? content.length : Number(to) + 1;
  response.writeHead(from === undefined ? 200 : 206, {
    ...(!chunked && { 'content-length': end - start }),
    ...(from !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${content.length}` }),
    etag,
    ...headers,
  });
  if (breakAt === undefined || breakAt >= end) response.end(content.subarray(start, end));
  else response.write(content.subarray(start, breakAt), () => response.socket?.resetAndDestroy());
  response.flushHeaders();
}

const failsWith =
  (kind: CacheErrorKind, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isCacheError(error), String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, message);
    return true;
  };

for (const breaks of [[1], [100_000], [blob.length - 1], [1, 2, 3, 4, 5, 1_000_000, 2_000_000, blob.length - 1]])
  test(`a body that breaks at ${breaks.join(', ')} arrives whole`, async (t) => {
    let attempt = 0;
    const server = await startServer(t, (request, response) => {
      const breakAt = breaks[attempt];
      attempt += 1;
      send(request, response, breakAt === undefined ? {} : { breakAt });
    });
    const { upstream, metrics } = openOn(t, server.url);
    const opened = await upstream.getBlob(repository, digest);
    assert.equal(opened.totalSize, blob.length);
    assert.ok(blob.equals(await readAll(opened)));
    const resumed = server.requests.slice(1);
    assert.ok(resumed.every(({ headers }) => /^bytes=\d+-$/.test(headers.range ?? '')));
    assert.ok(resumed.length >= 1);
    assert.equal((await metrics.upstreamResumes.get()).values[0]?.value, resumed.length);
    assert.equal((await metrics.upstreamReceivedBytes.get()).values[0]?.value, blob.length);
  });

test('a body that breaks before its first byte is requested again from the start', async (t) => {
  const server = await startServer(t, (request, response) => {
    if (server.requests.length > 1) return send(request, response);
    response.writeHead(200, { 'content-length': blob.length }).flushHeaders();
    // The connection breaks only after the headers have arrived. Otherwise the retry layer would send the request
    // again.
    void opening.then(() => response.socket?.resetAndDestroy());
  });
  const opening = openOn(t, server.url).upstream.getBlob(repository, digest);
  assert.ok(blob.equals(await readAll(await opening)));
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.range),
    [undefined, undefined],
  );
});

test('a body of unknown length that breaks is resumed too', async (t) => {
  const server = await startServer(t, (request, response) => {
    send(request, response, request.headers.range === undefined ? { breakAt: 500_000, chunked: true } : {});
  });
  const opened = await openOn(t, server.url).upstream.getBlob(repository, digest);
  assert.equal(opened.totalSize, undefined);
  assert.ok(blob.equals(await readAll(opened)));
});

test('a body that ends cleanly but short is resumed', async (t) => {
  const server = await startServer(t, (request, response) => {
    if (request.headers.range !== undefined) return send(request, response);
    response.writeHead(200, { 'content-length': blob.length, connection: 'close' });
    response.write(blob.subarray(0, 10), () => response.socket?.end());
  });
  assert.ok(blob.equals(await readAll(await openOn(t, server.url).upstream.getBlob(repository, digest))));
});

test('a body that stalls is resumed after the idle timeout', async (t) => {
  const server = await startServer(t, (request, response) => {
    if (request.headers.range !== undefined) return send(request, response);
    response.writeHead(200, { 'content-length': blob.length });
    response.write(blob.subarray(0, 10));
  });
  const { upstream } = openOn(t, server.url, { timeouts: { bodyIdleTimeoutMs: 100 } });
  assert.ok(blob.equals(await readAll(await upstream.getBlob(repository, digest))));
  assert.equal(server.requests[1]?.headers.range, 'bytes=10-');
});

test('a reader that pauses longer than the idle timeout loses nothing', async (t) => {
  const server = await startServer(t, send);
  const { upstream } = openOn(t, server.url, { timeouts: { bodyIdleTimeoutMs: 50 } });
  const { body } = await upstream.getBlob(repository, digest);
  const chunks: Buffer[] = [];
  for await (const chunk of body) {
    chunks.push(chunk);
    if (chunks.length === 1) await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.ok(blob.equals(Buffer.concat(chunks)));
  assert.equal(server.requests.length, 1);
});

test('a changed entity tag does not matter, because the digest identifies the bytes', async (t) => {
  const server = await startServer(t, (request, response) => {
    const isFirst = request.headers.range === undefined;
    send(request, response, { ...(isFirst && { breakAt: 10 }), headers: { etag: isFirst ? '"a"' : '"b"' } });
  });
  assert.ok(blob.equals(await readAll(await openOn(t, server.url).upstream.getBlob(repository, digest))));
  assert.ok(server.requests.every(({ headers }) => headers['if-match'] === undefined));
});

test('a resume waits for the Retry-After of the repository', async (t) => {
  const statuses = [200, 503, 502];
  const server = await startServer(t, (request, response) => {
    const status = statuses.shift() ?? 206;
    if (status >= 500) response.writeHead(status, { 'retry-after': '1' }).end();
    else send(request, response, status === 200 ? { breakAt: 100_000 } : {});
  });
  const { upstream } = openOn(t, server.url);
  assert.ok(blob.equals(await readAll(await upstream.getBlob(repository, digest))));
  assert.equal(server.requests.length, 4);
});

test('a body fails with a local error when its worker can no longer resolve the registry', async (t) => {
  const server = await startServer(t, (request, response) => send(request, response, { breakAt: 10 }));
  let isReachable = true;
  const lookup: LookupFunction = (_host, options, found) => {
    if (!isReachable) return found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
    isReachable = false;
    return options.all === true ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4);
  };
  const { upstream } = openOn(t, `http://registry.example:${server.port}`, { lookup });
  const opened = await upstream.getBlob(repository, digest);
  await assert.rejects(readAll(opened), (error) => isCacheError(error) && error.isLocal);
});

test('a body fails after three resumes without a byte', async (t) => {
  const server = await startServer(t, (request, response) => {
    send(request, response, { breakAt: 10 });
  });
  const { upstream } = openOn(t, server.url);
  const opened = await upstream.getBlob(repository, digest);
  await assert.rejects(readAll(opened), failsWith('upstream-unreachable', /broke at byte 10 and could not be resumed/));
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.range),
    [undefined, 'bytes=10-', 'bytes=10-', 'bytes=10-'],
  );
  await until(() => server.openConnections() === 0);
});

const badResumes: readonly [
  answer: string,
  options: SendOptions & { status?: number },
  kind: CacheErrorKind,
  message: RegExp,
][] = [
  [
    'the whole blob',
    { headers: { 'x-plain': 1 }, status: 200 },
    'upstream-unreachable',
    /does not support range requests/,
  ],
  [
    'another start',
    { headers: { 'content-range': `bytes 11-${blob.length - 1}/${blob.length}` } },
    'upstream-unreachable',
    /does not support range/,
  ],
  [
    'an earlier end',
    { headers: { 'content-range': `bytes 10-99/${blob.length}` } },
    'upstream-unreachable',
    /does not support range/,
  ],
  [
    'another size',
    { headers: { 'content-range': 'bytes 10-99/100' } },
    'content-mismatch',
    /first 3145745 and then 100 bytes/,
  ],
  ['another end and no size', { headers: { 'content-range': 'bytes 10-99/*' } }, 'content-mismatch', /another end/],
  ['an encoding', { headers: { 'content-encoding': 'gzip' } }, 'content-mismatch', /content encoding "gzip"/],
  ['404', { status: 404 }, 'blob-unknown', /does not have the blob/],
  ['429', { status: 429 }, 'upstream-rate-limited', /too many requests/],
];

for (const [answer, { status, ...options }, kind, message] of badResumes)
  test(`a resume that is answered with ${answer} fails with ${kind}`, async (t) => {
    const server = await startServer(t, (request, response) => {
      if (request.headers.range === undefined) send(request, response, { breakAt: 10 });
      else if (status === undefined) send(request, response, options);
      else response.writeHead(status, { 'content-length': 0 }).end();
    });
    const opened = await openOn(t, server.url).upstream.getBlob(repository, digest);
    await assert.rejects(readAll(opened), failsWith(kind, message));
    assert.equal(server.requests.length, 2);
  });

test('more bytes than the announced range fail with content-mismatch', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 2-3/10' }).end('1234');
  });
  const opened = await openOn(t, server.url).upstream.getBlob(repository, digest, { from: 2, toExclusive: 4 });
  await assert.rejects(readAll(opened), failsWith('content-mismatch', /more than the 2 bytes/));
});

test('bytes after the announced end of the blob are not delivered', async (t) => {
  const server = await startServer(t, (_request, { socket }) => {
    socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345678');
  });
  assert.equal((await readAll(await openOn(t, server.url).upstream.getBlob(repository, digest))).toString(), '12345');
});

test('a range is requested, checked, and resumed within its bounds', async (t) => {
  let attempt = 0;
  const server = await startServer(t, (request, response) => {
    attempt += 1;
    send(request, response, attempt === 1 ? { breakAt: 1_500_000 } : {});
  });
  const { upstream } = openOn(t, server.url);
  const opened = await upstream.getBlob(repository, digest, { from: 1_000_000, toExclusive: 2_000_000 });
  assert.deepEqual([opened.start, opened.totalSize], [1_000_000, blob.length]);
  assert.ok(blob.subarray(1_000_000, 2_000_000).equals(await readAll(opened)));
  assert.equal(server.requests[0]?.headers.range, 'bytes=1000000-1999999');
  assert.match(server.requests[1]?.headers.range ?? '', /^bytes=1[0-5]\d{5}-1999999$/);
});

test('the upstream cuts a range at the end of the blob', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 2-3/4', 'content-length': 2 }).end('34');
  });
  const opened = await openOn(t, server.url).upstream.getBlob(repository, digest, { from: 2, toExclusive: 9 });
  assert.equal((await readAll(opened)).toString(), '34');
});

test('a range outside of the blob fails with range-unsatisfiable', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(416, { 'content-range': 'bytes */4' }).end();
  });
  await assert.rejects(
    openOn(t, server.url).upstream.getBlob(repository, digest, { from: 5 }),
    failsWith('range-unsatisfiable', /outside of the blob/),
  );
});
