import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createLogger } from '@cistern/telemetry';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { testCertificate } from '@cistern/tls/testing/test-certificate';
import { until } from '@cistern/runtime/testing';
import { acceptProxiedConnections, type ProxiedConnectionsOptions } from './accept-proxied-connections.ts';

const line = 'PROXY TCP4 203.0.113.9 192.0.2.1 54321 443\r\n';
const localBlock = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const get = requestText('/v2/');

/** Opens an HTTP server that answers with the client's address and port, as it sees them. */
async function startEcho(
  t: TestContext,
  options: Partial<ProxiedConnectionsOptions> = {},
  tls = false,
  echo = ({ socket }: IncomingMessage) => `${socket.remoteAddress} ${socket.remotePort} ${socket.remoteFamily}`,
) {
  const logged: Record<string, unknown>[] = [];
  const write = (text: string) => void logged.push(JSON.parse(text) as Record<string, unknown>);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  const server: Server = tls ? createHttpsServer(testCertificate) : createHttpServer();
  server.on('request', (request, response) => void response.end(`<${echo(request)}>`));
  acceptProxiedConnections(server, { trustedProxies: ['127.0.0.0/8'], log, ...options });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port, logged };
}

async function open(t: TestContext, port: number) {
  const connection = await openRawConnection(t, port);
  const answers = () =>
    [
      ...connection
        .received()
        .toString()
        .matchAll(/<(.*)>/g),
    ].map(([, ends]) => ends);
  return { ...connection, answers };
}

const client = '203.0.113.9 54321 IPv4';

test('a header and the first request may share a packet, and the connection serves further requests', async (t) => {
  const { port } = await startEcho(t);
  const { socket, answers } = await open(t, port);
  socket.write(`${line}${get}`);
  await until(() => answers().length === 1);
  socket.write(get);
  await until(() => answers().length === 2);
  socket.write(get + get);
  await until(() => answers().length === 4);
  assert.deepEqual(answers(), [client, client, client, client]);
});

test('several requests may share a packet with the header', async (t) => {
  const { port } = await startEcho(t);
  const { socket, answers } = await open(t, port);
  socket.write(`${line}${get}${get}${get.slice(0, 10)}`);
  await until(() => answers().length === 2);
  socket.write(get.slice(10));
  await until(() => answers().length === 3);
});

test('a header may arrive byte by byte', async (t) => {
  const { port } = await startEcho(t);
  const { socket, answers } = await open(t, port);
  socket.setNoDelay(true);
  for (const byte of line) {
    socket.write(byte);
    await delay(1);
  }
  assert.deepEqual(answers(), []);
  for (const part of [get.slice(0, 7), get.slice(7)]) {
    socket.write(part);
    await delay(5);
  }
  await until(() => answers().length === 1);
  assert.deepEqual(answers(), [client]);
});

test('a client that half-closes after its request gets a response', async (t) => {
  const { port } = await startEcho(t);
  const { socket, answers, closed } = await open(t, port);
  socket.end(`${line}${get}`);
  await closed;
  assert.deepEqual(answers(), [client]);
});

test('connections of the proxy keep their own address', async (t) => {
  const { port } = await startEcho(t);
  for (const header of [localBlock, Buffer.from('PROXY UNKNOWN\r\n')]) {
    const { socket, answers } = await open(t, port);
    socket.write(Buffer.concat([header, Buffer.from(get)]));
    await until(() => answers().length === 1);
    assert.deepEqual(answers(), [`127.0.0.1 ${socket.localPort} IPv4`]);
  }
});

test('an untrusted client needs no header, and its header is a bad request', async (t) => {
  const { port, logged } = await startEcho(t, { trustedProxies: ['192.0.2.0/24'] });
  const plain = await open(t, port);
  plain.socket.write(get);
  await until(() => plain.answers().length === 1);
  assert.deepEqual(plain.answers(), [`127.0.0.1 ${plain.socket.localPort} IPv4`]);
  const lying = await open(t, port);
  lying.socket.write(`${line}${get}`);
  await lying.closed;
  assert.match(lying.received().toString(), /^HTTP\/1\.1 400 /);
  assert.equal(logged.length, 0);
});

for (const [name, bytes, reason] of [
  ['a request without a header', get, /does not begin/],
  ['garbage', '\0\0\0\0', /does not begin/],
  ['a line without an end', `PROXY TCP4 ${'1'.repeat(2000)}`, /exceeds 107 bytes/],
  ['a block with a too large length', `${localBlock.subarray(0, 14).toString('latin1')}\xff\xff`, /65551 bytes/],
] as const)
  test(`${name} closes the connection without a response, and is logged`, async (t) => {
    const { port, logged } = await startEcho(t);
    const { socket, received, closed } = await open(t, port);
    socket.write(Buffer.from(bytes, 'latin1'));
    await closed;
    assert.equal(received().length, 0);
    await until(() => logged.length === 1);
    assert.equal(logged[0]?.['remoteAddress'], '127.0.0.1');
    assert.match(String(logged[0]?.['reason']), reason);
  });

test('a connection without a header in time is closed, and one with a header has no such limit', async (t) => {
  const { port, logged } = await startEcho(t, { headerLimitMs: 150 });
  const inTime = await open(t, port);
  inTime.socket.write(line);
  for (const sent of ['', line.slice(0, 20)]) {
    const { socket, closed } = await open(t, port);
    socket.write(sent);
    await closed;
  }
  assert.equal(logged.length, 2);
  assert.match(String(logged[0]?.['reason']), /no header within 150 ms/);
  inTime.socket.write(get);
  await until(() => inTime.answers().length === 1);
});

test('a port check without bytes is not logged, and a connection that ends within a header is', async (t) => {
  const { server, port, logged } = await startEcho(t);
  const silent = await open(t, port);
  silent.socket.end();
  await silent.closed;
  const reset = await open(t, port);
  reset.socket.resetAndDestroy();
  const half = await open(t, port);
  half.socket.end(line.slice(0, 9));
  await half.closed;
  await until(() => logged.length === 1);
  assert.match(String(logged[0]?.['reason']), /ended within/);
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  assert.equal(await connections(), 0);
});

test('too many connections without a header close the one that waits longest', async (t) => {
  const { port, logged } = await startEcho(t, { maxWaiting: 3 });
  const waiting = [];
  for (let count = 0; count < 5; count += 1) waiting.push(await open(t, port));
  await Promise.all(waiting.slice(0, 2).map(({ closed }) => closed));
  await until(() => logged.length === 2);
  assert.match(String(logged[0]?.['reason']), /more than 3 connections waited/);
  const [, , third] = waiting;
  third?.socket.write(`${line}${get}`);
  await until(() => third?.answers().length === 1);
  // A connection that has sent its header no longer counts as waiting.
  const another = await open(t, port);
  another.socket.write(`${line}${get}`);
  await until(() => another.answers().length === 1);
  assert.equal(logged.length, 2);
});

test('with TLS the header precedes the handshake', async (t) => {
  const { port } = await startEcho(t, {}, true);
  const encrypt = async (socket: Socket) => {
    const secure = connectTls({ socket, servername: 'cache.test', ca: testCertificate.cert });
    t.after(() => secure.destroy());
    await once(secure, 'secureConnect');
    return secure;
  };
  for (const [header, ends] of [
    [line, client],
    [localBlock, '127.0.0.1 '],
  ] as const) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write(header);
    const secure = await encrypt(socket);
    for (let request = 0; request < 2; request++) {
      secure.write(get);
      const [answer] = (await once(secure, 'data')) as [Buffer];
      assert.ok(answer.toString().includes(`<${ends}`));
    }
  }
});

test('the frontend logs and trusts the address of the header', async (t) => {
  const options = { proxyProtocol: true, trustedProxies: ['127.0.0.1'], accessLog() {} };
  const { port, log, accessLines } = await startFrontend(t, options);
  const { socket, received } = await open(t, port);
  socket.write(`${line}${requestText('/v2/', ['X-Forwarded-For: 198.51.100.1'])}`);
  await until(() => log.length === 1 && received().length > 0);
  assert.match(received().toString(), /^HTTP\/1\.1 200 /);
  // `X-Forwarded-For` is not trusted, because after the PROXY header the request comes from the client, not from the proxy.
  assert.equal(log[0]?.['client'], '203.0.113.9');
  assert.match(accessLines[0] ?? '', /^203\.0\.113\.9 /);
});

test('without the setting, a header is a bad request', async (t) => {
  const { url, port } = await startFrontend(t, { trustedProxies: ['127.0.0.1'] });
  assert.equal((await sendRequest(`${url}/v2/`)).status, 200);
  const { socket, received, closed } = await open(t, port);
  socket.write(`${line}${get}`);
  await closed;
  assert.match(received().toString(), /^HTTP\/1\.1 400 /);
});

for (const tls of [false, true])
  test(`X-Forwarded-For is ignored after a header that names no client, ${tls ? 'with' : 'without'} TLS`, async (t) => {
    const { port } = await startEcho(t, {}, tls, ({ headers }) => String(headers['x-forwarded-for']));
    const forwarded = requestText('/v2/', ['X-Forwarded-For: 198.51.100.1', 'X-Forwarded-Host: ghcr.test']);
    for (const [header, expected] of [
      [Buffer.from(line), '<198.51.100.1>'],
      [Buffer.from('PROXY UNKNOWN\r\n'), '<undefined>'],
      [localBlock, '<undefined>'],
    ] as const) {
      const plain = connect({ port, host: '127.0.0.1' });
      t.after(() => plain.destroy());
      plain.write(header);
      const socket = tls ? connectTls({ socket: plain, servername: 'cache.test', ca: testCertificate.cert }) : plain;
      // Several requests of a connection.
      for (let request = 0; request < 2; request++) {
        socket.write(forwarded);
        const [answer] = (await once(socket, 'data')) as [Buffer];
        assert.ok(answer.toString().includes(expected), answer.toString());
      }
    }
  });

test('a connection whose header names no client counts for the balancer', async (t) => {
  const { port, log } = await startFrontend(t, { proxyProtocol: true, trustedProxies: ['127.0.0.1'] });
  const { socket } = await open(t, port);
  socket.write(`PROXY UNKNOWN\r\n${requestText('/v2/', ['X-Forwarded-For: 198.51.100.1'])}`);
  await until(() => log.length === 1);
  assert.equal(log[0]?.['client'], '127.0.0.1');
});
