// The limit on connections of one client, with and without a balancer that sends PROXY headers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { testCertificate } from '@cistern/tls/testing/test-certificate';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const line = (address: string) => `PROXY TCP4 ${address} 192.0.2.1 54321 443\r\n`;
const ownLine = 'PROXY UNKNOWN\r\n';
const get = requestText('/v2/');

/** The networks of the clients count as trusted proxies too, as if Docker had given the balancer an address in one of them. */
const behindBalancer = { proxyProtocol: true, trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'], maxConnections: () => 2 };

async function open(t: TestContext, port: number, bytes: string) {
  const connection = await openRawConnection(t, port);
  connection.socket.write(bytes);
  const isAnswered = () => connection.received().toString().startsWith('HTTP/1.1 200 ');
  return { ...connection, isAnswered };
}

async function isServed(t: TestContext, port: number, address: string): Promise<boolean> {
  const { isAnswered, closed } = await open(t, port, line(address) + get);
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  await until(() => isClosed || isAnswered());
  return isAnswered();
}

test('a connection counts for the client of its header, not for the balancer', async (t) => {
  const { port, metrics } = await startFrontend(t, behindBalancer);
  const first = await open(t, port, line('10.1.2.3') + get);
  const second = await open(t, port, line('10.1.2.3') + get);
  await until(() => first.isAnswered() && second.isAnswered());
  const third = await open(t, port, line('10.1.2.3') + get);
  await third.closed;
  assert.equal(third.received().length, 0);
  assert.equal((await metrics.limited.get()).values.find(({ labels }) => labels.limit === 'connections')?.value, 1);
  const others = await Promise.all(['10.1.2.4', '203.0.113.9'].map((address) => open(t, port, line(address) + get)));
  await until(() => others.every((other) => other.isAnswered()));
  first.socket.destroy();
  await first.closed;
  // The frontend may notice the end of a connection a moment after the client.
  while (!(await isServed(t, port, '10.1.2.3')));
});

test('connections of the balancer itself do not count', async (t) => {
  const { port } = await startFrontend(t, behindBalancer);
  const own = await Promise.all(Array.from({ length: 5 }, () => open(t, port, ownLine + get)));
  await until(() => own.every((one) => one.isAnswered()));
});

test('connections of an excepted client do not count for the others of its network', async (t) => {
  const { port } = await startFrontend(t, { ...behindBalancer, isExcepted: (address) => address === '2001:db8::1' });
  const from = (address: string) => open(t, port, `PROXY TCP6 ${address} 2001:db8::f 54321 443\r\n${get}`);
  const addresses = [...Array<string>(3).fill('2001:db8::1'), '2001:db8::2', '2001:db8::3'];
  const answered: boolean[] = [];
  for (const address of addresses) {
    const { isAnswered, closed } = await from(address);
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    await until(() => isClosed || isAnswered());
    answered.push(isAnswered());
  }
  assert.deepEqual(answered, [true, true, true, true, true]);
  const { isAnswered, closed } = await from('2001:db8::4');
  await closed;
  assert.ok(!isAnswered());
});

function openSecure(t: TestContext, port: number, address: string) {
  const socket = connect({ port, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(line(address));
  return socket;
}

/** Resolves with `false` if the server closes the connection. */
async function shakeHands(socket: Socket): Promise<boolean> {
  const secure = connectTls({ socket, servername: 'cache.test', ca: testCertificate.cert });
  const ended = once(secure, 'close').then(() => false);
  const isSecure = await Promise.race([once(secure, 'secureConnect').then(() => true), ended]).catch(() => false);
  if (!isSecure) return false;
  secure.write(get);
  const [answer] = (await once(secure, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  secure.destroy();
  return true;
}

test('with TLS a connection counts before its handshake, until it is closed', async (t) => {
  const tls = { options: testCertificate, serve() {}, async reload() {}, async close() {} };
  const { port, metrics } = await startFrontend(t, { ...behindBalancer, tls });
  const refused = async () =>
    (await metrics.limited.get()).values.find(({ labels }) => labels.limit === 'connections')?.value;
  const silent = [1, 2].map(() => openSecure(t, port, '10.1.2.3'));
  assert.ok(await shakeHands(openSecure(t, port, '10.1.2.4')));
  assert.ok(!(await shakeHands(openSecure(t, port, '10.1.2.3'))));
  assert.equal(await refused(), 1);
  silent[0]?.destroy();
  while (!(await shakeHands(openSecure(t, port, '10.1.2.3'))));
  // The first connection has closed, so another client can connect.
  while (!(await shakeHands(openSecure(t, port, '10.1.2.3'))));
  silent[1]?.destroy();
});
