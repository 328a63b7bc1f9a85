// Which requests are answered from memory before Fastify sees them, and how such a response ends. The order of the headers shows
// which of the two has answered.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { acceptAllClients, createAuthorize, followAuthenticator } from '@cistern/auth';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createUpstreamTable } from '@cistern/upstream';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const small = Buffer.from('{"schemaVersion":2}');
const manifestPath = '/v2/library/nginx/manifests/latest';
const pathsOf = (bytes: Buffer) => [
  manifestPath,
  `/v2/library/nginx/manifests/${digestOf(bytes)}`,
  `/v2/library/nginx/blobs/${digestOf(bytes)}`,
];

type Options = NonNullable<Parameters<typeof startFrontend>[1]>;

function isFromMemory(response: string): boolean {
  return response.indexOf('x-cistern-upstream') < response.indexOf('x-request-id');
}

async function start(t: TestContext, options: Options = {}, bytes = small) {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes], manifests: [bytes], isInMemory: true });
  const frontend = await startFrontend(t, { pullThrough, ...options });
  /** Resolves to the whole response. */
  const get = async (path: string, headers: readonly string[] = [], version?: string) => {
    const connection = await openRawConnection(t, frontend.port);
    connection.socket.write(requestText(path, headers, version));
    const whole = () => {
      const text = connection.received().toString('latin1');
      const [head = '', body] = text.split('\r\n\r\n', 2);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      return body !== undefined && (body.length >= length || head.startsWith('HTTP/1.1 304')) ? text : undefined;
    };
    await until(() => whole() !== undefined);
    connection.socket.destroy();
    return whole() ?? '';
  };
  return { ...frontend, pullThrough, get };
}

for (const size of [1024, 100_000])
  test(`manifests and blobs of ${size} bytes are answered from memory, also by HEAD`, async (t) => {
    // Every byte value, so that no encoding goes unnoticed.
    const bytes = Buffer.from(Array.from({ length: size }, (_, position) => position % 256));
    const { get, pullThrough, log } = await start(t, {}, bytes);
    for (const path of pathsOf(bytes)) {
      const response = await get(path);
      assert.ok(isFromMemory(response), path);
      assert.ok(response.endsWith(`\r\n\r\n${bytes.toString('latin1')}`), path);
    }
    await until(() => log.length === 3);
    assert.deepEqual(pullThrough.calls, []);
    assert.deepEqual(
      log.map((line) => [line['cache'], line['status'], line['bytes']]),
      [1, 2, 3].map(() => ['HIT', 200, size]),
    );
  });

test('containerd and clients behind a trusted proxy are answered from memory', async (t) => {
  const { get, log } = await start(t, { trustedProxies: ['127.0.0.1'] });
  const forwarded = ['X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: https', 'User-Agent: containerd/2.2'];
  assert.ok(isFromMemory(await get(`${manifestPath}?ns=docker.io`, forwarded)));
  await until(() => log.length === 1);
  assert.equal(log[0]?.['client'], '203.0.113.9');
});

test('a request that needs more than memory is left to Fastify', async (t) => {
  const { get } = await start(t, { trustedProxies: ['127.0.0.1'] });
  for (const header of [
    'Connection: close',
    'Range: bytes=0-3',
    `If-None-Match: "${digestOf(small)}"`,
    'Cache-Control: no-cache',
    'X-Forwarded-Host: ghcr.test',
    'X-Cistern-Hop: other',
    'Content-Length: 0',
  ])
    assert.ok(!isFromMemory(await get(manifestPath, [header])), header);
  assert.ok(!isFromMemory(await get(manifestPath, [], '1.0')));
  assert.ok(!isFromMemory(await get(`${manifestPath}?ns=docker.io&x=1`)));
});

test('clients that are denied, limited or verified are left to Fastify', async (t) => {
  const rules = [{ action: 'deny', images: ['docker.io/library/nginx'] }] as const;
  const denied = await start(t, { authorize: createAuthorize({ rules, fallback: 'allow' }) });
  assert.match(await denied.get(manifestPath), /^HTTP\/1\.1 403 /);
  const limited = await start(t, { isUnlimited: () => false });
  assert.ok(!isFromMemory(await limited.get(manifestPath)));
  const callerSeal = { close: () => 'sealed', open: () => undefined };
  const verified = await start(t, { callerSeal });
  assert.ok(!isFromMemory(await verified.get(manifestPath)));
});

test('a reload applies to the next request', async (t) => {
  let [revision, table] = [1, createUpstreamTable([{ name: 'docker.io', isDefault: true }])];
  let authenticator = acceptAllClients();
  const { get } = await start(t, {
    revision: () => revision,
    upstreams: { nameOf: (name) => table.nameOf(name), resolve: (name) => table.resolve(name) },
    authenticator: followAuthenticator(() => authenticator),
  });
  assert.match(await get(manifestPath), /x-cistern-upstream: docker\.io/);
  [revision, table] = [2, createUpstreamTable([{ name: 'ghcr.io', isDefault: true }])];
  assert.match(await get(manifestPath), /x-cistern-upstream: ghcr\.io/);
  authenticator = {
    challenge: { scheme: 'basic', realm: 'here' },
    authenticate: async () => ({ result: 'refused', method: 'anonymous', message: 'No such user.' }),
  };
  assert.match(await get(manifestPath), /^HTTP\/1\.1 401 /);
});

test('pipelined requests get their responses in order', async (t) => {
  const { port, log } = await start(t);
  const { socket, received } = await openRawConnection(t, port);
  const paths = [manifestPath, '/v2/', ...pathsOf(small), '/unknown', manifestPath];
  socket.write(paths.map((path) => requestText(path)).join(''));
  const statuses = () =>
    [
      ...received()
        .toString('latin1')
        .matchAll(/HTTP\/1\.1 (\d{3})/g),
    ].map(([, status]) => status);
  await until(() => statuses().length === paths.length);
  assert.deepEqual(statuses(), ['200', '200', '200', '200', '200', '404', '200']);
  await until(() => log.length === paths.length);
});

test('a response whose client disconnects is logged as aborted', async (t) => {
  const { port, log } = await start(t, {}, Buffer.alloc(32_000_000));
  const { socket } = await openRawConnection(t, port);
  socket.once('data', () => socket.destroy());
  socket.write(requestText(manifestPath));
  await until(() => log.length === 1);
  assert.partialDeepStrictEqual(log[0], { status: 200, aborted: true, bytes: 0 });
});

test('a frontend that closes ends its connections after a response from memory', async (t) => {
  const { app, port } = await start(t);
  const { socket, received, closed } = await openRawConnection(t, port);
  socket.write(requestText(manifestPath));
  await until(() => received().includes(small));
  const closing = app.close();
  await Promise.all([closing, closed]);
});

test('a GET has the size of its bytes, even if the record of the tag has another one', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [small], isInMemory: true });
  const { manifestFromMemory } = pullThrough;
  const lying: typeof manifestFromMemory = (request, want) => {
    const found = manifestFromMemory(request, want);
    return found && (want === 'facts' ? { ...found, size: 5, bytes: undefined } : found);
  };
  const { port } = await startFrontend(t, { pullThrough: { ...pullThrough, manifestFromMemory: lying } });
  const { socket, received } = await openRawConnection(t, port);
  socket.write(requestText(manifestPath).replace('GET', 'HEAD'));
  await until(() => received().includes('\r\n\r\n'));
  assert.match(received().toString(), /content-length: 5\r\n/);
  const alone = await openRawConnection(t, port);
  alone.socket.write(requestText(manifestPath));
  await until(() => alone.received().includes(small));
  assert.match(alone.received().toString(), /content-length: 19\r\n/);
});

test('a very long forwarded address is left to Fastify', async (t) => {
  const { get } = await start(t, { trustedProxies: ['127.0.0.1'] });
  assert.ok(!isFromMemory(await get(manifestPath, [`X-Forwarded-For: ${'203.0.113.9, '.repeat(40)}203.0.113.9`])));
});

test('behind the PROXY protocol a forwarded address is left to Fastify, which drops a forged one', async (t) => {
  const { port, log } = await start(t, { trustedProxies: ['127.0.0.1'], proxyProtocol: true });
  const { socket, received } = await openRawConnection(t, port);
  socket.write(`PROXY UNKNOWN\r\n${requestText(manifestPath, ['X-Forwarded-For: 10.0.0.5'])}`);
  await until(() => received().includes(small));
  await until(() => log.length === 1);
  assert.notEqual(log[0]?.['client'], '10.0.0.5');
});

test('configured headers that replace those of an answer apply', async (t) => {
  const { get } = await start(t, { headers: { Connection: ['close'] } });
  assert.match(await get(manifestPath), /connection: close\r\n/i);
});

test('a forwarded address after more than 1,000 header fields counts too', async (t) => {
  const { get, log } = await start(t, { trustedProxies: ['127.0.0.1'] });
  const fields = Array.from({ length: 1200 }, (_none, number) => `A${number}: x`);
  await get(manifestPath, [...fields, 'X-Forwarded-For: 203.0.113.9']);
  await until(() => log.length === 1);
  assert.equal(log[0]?.['client'], '203.0.113.9');
});

test('a pipelined request behind a response from memory is dropped if the client disconnects', async (t) => {
  const { port, metrics, pullThrough } = await start(t, {}, Buffer.alloc(32_000_000));
  const { socket } = await openRawConnection(t, port, true);
  socket.write(requestText(manifestPath) + requestText('/v2/library/nginx/tags/list').repeat(3));
  await until(() => socket.bytesWritten > 0);
  socket.destroy();
  assert.deepEqual(pullThrough.calls, []);
  assert.ok((await metrics.requestsInFlight.get()).values.every(({ value }) => value === 0));
});
