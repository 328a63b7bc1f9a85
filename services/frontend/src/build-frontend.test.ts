import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { digestOf } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { openServerTls, type ServerTls } from '@cistern/tls';
import { createMemoryPullThrough } from './testing/memory-pull-through.ts';
import { openRawConnection, requestText } from './testing/raw-connection.ts';
import { startFrontend } from './testing/start-frontend.ts';
import { testCertificate } from '@cistern/tls/testing/test-certificate';
import { until } from '@cistern/runtime/testing';

test('a frontend with a certificate serves HTTPS, also blobs', async (t) => {
  const blob = randomBytes(2_000_000);
  const { port } = await startFrontend(t, {
    pullThrough: createMemoryPullThrough({ blobs: [blob] }),
    tls: await serverTls(t),
  });
  const sent = request({
    host: '127.0.0.1',
    port,
    path: `/v2/nginx/blobs/${digestOf(blob)}`,
    servername: 'cache.test',
    ca: testCertificate.cert,
    agent: false,
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.ok(Buffer.concat(await response.toArray()).equals(blob));
});

test('behind a balancer that forwards TLS, the client has the address of the PROXY header', async (t) => {
  const { port, log } = await startFrontend(t, {
    tls: await serverTls(t),
    proxyProtocol: true,
    trustedProxies: ['127.0.0.1'],
  });
  const { socket } = await openRawConnection(t, port, true);
  socket.write('PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n');
  const secure = connect({ socket, servername: 'cache.test', ca: testCertificate.cert });
  t.after(() => secure.destroy());
  secure.write(requestText('/v2/'));
  const [answer] = (await once(secure, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  await until(() => log.length === 1);
  assert.equal(log[0]?.['client'], '203.0.113.9');
});

async function serverTls(t: TestContext): Promise<ServerTls> {
  const { cert: certificate, key } = testCertificate;
  const tls = await openServerTls({
    load: async () => ({ pair: { certificate, key }, clientAuthorities: [], proofs: [] }),
    minimumVersion: 'TLSv1.3',
    ciphers: undefined,
    clientCertificateIsOptional: false,
    log: createLogger({ level: 'error', formatter: 'json' }),
    metrics: createMetrics(),
  });
  t.after(() => tls.close());
  return tls;
}

test('a closing frontend answers requests in flight and those that follow on the same connection', async (t) => {
  const tags = Promise.withResolvers<{ tags: string[]; cache: 'MISS' }>();
  const pullThrough = createMemoryPullThrough({ instead: { listTags: () => tags.promise } });
  const { app, port } = await startFrontend(t, { pullThrough });
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText('/v2/nginx/tags/list'));
  await until(() => pullThrough.calls.length === 1);
  const closing = app.close();
  await until(() => !app.server.listening);
  connection.socket.write(requestText('/v2/'));
  tags.resolve({ tags: ['1.0'], cache: 'MISS' });
  await connection.closed;
  await closing;
  const text = connection.received().toString();
  assert.match(text, /\{"name":"nginx","tags":\["1.0"\]\}/);
  assert.match(text, /connection: close[\s\S]+\{\}$/i);
});
