import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  request,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startHaproxy, type HaproxyOptions } from './start-haproxy.ts';
import { until } from '../until.ts';

async function serve(t: TestContext, listener: RequestListener) {
  const server = createServer({ maxHeaderSize: 64 * 1024 }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Opens a fake frontend whose responses come from `listener`. It is ready while `ready.value` is true. */
async function openFrontend(t: TestContext, listener: RequestListener) {
  const ready = { value: true };
  const health = await serve(t, ({ url }, response) => {
    response.statusCode = url === '/healthz' || ready.value ? 200 : 503;
    response.end();
  });
  const { server, port } = await serve(t, listener);
  return { ready, server, health: health.server, frontend: { port, debugPort: health.port } };
}

async function open(
  t: TestContext,
  frontends: readonly { port: number; debugPort: number }[],
  ofOneSource?: HaproxyOptions['ofOneSource'],
) {
  const haproxy = await startHaproxy({ frontends, proxyProtocol: 'none', ...(ofOneSource && { ofOneSource }) });
  t.after(haproxy.close);
  return haproxy;
}

async function send(url: string, method = 'GET', headers: Record<string, string> = {}) {
  const sent = request(`${url}/v2/`, { method, headers, agent: new Agent() });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = (await response.toArray()).join('');
  return { status: response.statusCode, headers: response.headers, body };
}

test('haproxy spreads requests, skips a frontend that is not ready, and uses it again later', async (t) => {
  const opened = [1, 2].map((name) => openFrontend(t, (_, response) => response.end(`${name}`)));
  const [first, second] = await Promise.all(opened);
  assert.ok(first && second);
  const haproxy = await open(t, [first.frontend, second.frontend]);
  const names = async () =>
    new Set(await Promise.all(Array.from({ length: 20 }, async () => (await send(haproxy.url)).body)));
  assert.deepEqual([...(await names())].sort(), ['1', '2']);
  second.ready.value = false;
  await until(async () => (await haproxy.frontendStates())[1] === 'DOWN');
  assert.deepEqual([...(await names())], ['1']);
  second.ready.value = true;
  await until(async () => (await haproxy.frontendStates())[1]?.startsWith('UP') === true);
  await until(async () => (await names()).size === 2);
});

test('a frontend that is marked down finishes its responses', async (t) => {
  const answer = Promise.withResolvers<ServerResponse>();
  const { frontend, ready } = await openFrontend(t, (_, response) => {
    response.writeHead(200, { 'content-length': 6 });
    response.write('one');
    answer.resolve(response);
  });
  const haproxy = await open(t, [frontend]);
  const sent = request(`${haproxy.url}/v2/`, { agent: new Agent() });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const [begun] = (await once(response, 'data')) as [Buffer];
  ready.value = false;
  await until(async () => (await haproxy.frontendStates())[0] === 'DOWN');
  (await answer.promise).end('two');
  assert.equal([begun, ...(await response.toArray())].join(''), 'onetwo');
});

test('without a ready frontend a live one still answers, and without a live one haproxy answers like a registry', async (t) => {
  const { frontend, ready, server, health } = await openFrontend(t, (_, response) => response.end('alive'));
  const haproxy = await open(t, [frontend]);
  ready.value = false;
  await until(async () => (await haproxy.frontendStates())[0] === 'DOWN');
  assert.equal((await send(haproxy.url)).body, 'alive');
  server.closeAllConnections();
  server.close();
  health.closeAllConnections();
  health.close();
  await until(async () => (await fetch(`${haproxy.statisticsUrl}/health`)).status === 503);
  const { status, headers, body } = await send(haproxy.url);
  assert.equal(status, 503);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['retry-after'], '2');
  assert.equal((JSON.parse(body) as { errors: { code: string }[] }).errors[0]?.code, 'UNAVAILABLE');
});

test('a request that a frontend drops before the first byte is retried on another, if it is safe to repeat', async (t) => {
  let requests = 0;
  const broken = await openFrontend(t, ({ socket }) => {
    requests += 1;
    socket.destroy();
  });
  const whole = await openFrontend(t, (_, response) => response.end('whole'));
  const haproxy = await open(t, [broken.frontend, whole.frontend]);
  for (let attempt = 0; attempt < 10; attempt++) assert.equal((await send(haproxy.url)).body, 'whole');
  assert.ok(requests > 0);
  const statuses = new Set<number | undefined>();
  for (let attempt = 0; attempt < 10; attempt++) statuses.add((await send(haproxy.url, 'POST')).status);
  assert.deepEqual(statuses, new Set([200, 502]));
});

test('a response that breaks after its first byte is not retried, and breaks for the client', async (t) => {
  let requests = 0;
  const { frontend } = await openFrontend(t, (_, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': 10 });
    // real-time: the break comes after the first bytes have passed haproxy
    response.write('half', () => setTimeout(() => response.destroy(), 50));
  });
  const haproxy = await open(t, [frontend]);
  await assert.rejects(send(haproxy.url), { code: 'ECONNRESET' });
  assert.equal(requests, 1);
});

/** Returns the header `Keep-Alive` of a response. */
async function keepAliveOf(url: string) {
  return (await send(url, 'GET', { connection: 'keep-alive' })).headers['keep-alive'];
}

test('clients do not get the keep-alive time of a frontend, which is longer than that of haproxy', async (t) => {
  const { frontend } = await openFrontend(t, (_, response) => response.end());
  const haproxy = await open(t, [frontend]);
  assert.equal(await keepAliveOf(`http://127.0.0.1:${frontend.port}`), 'timeout=5');
  assert.equal(await keepAliveOf(haproxy.url), undefined);
});

test('a header with a thousand ranges passes, and proxy headers of clients are removed', async (t) => {
  const { frontend } = await openFrontend(t, ({ headers }, response) => response.end(JSON.stringify(headers)));
  const haproxy = await open(t, [frontend]);
  const range = `bytes=${Array.from({ length: 1024 }, (_, index) => `${index * 1_000_000_000}-${index * 1_000_000_000 + 9}`).join()}`;
  assert.ok(range.length > 22 * 1024);
  const { body } = await send(haproxy.url, 'GET', {
    range,
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-host': 'ghcr.io',
  });
  const passed = JSON.parse(body) as Record<string, string>;
  assert.equal(passed['range'], range);
  assert.deepEqual(
    Object.keys(passed).filter((name) => name.startsWith('x-forwarded')),
    [],
  );
});

/**
 * Opens a connection, which stays open after the first response. Resolves to `undefined` if haproxy closes the
 * connection without a response.
 */
function stay(t: TestContext, url: string, localAddress: string): Promise<Socket | undefined> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), localAddress });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write('GET /v2/ HTTP/1.1\r\nHost: cistern\r\n\r\n');
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  socket.once('data', () => resolve(socket));
  socket.once('close', () => resolve(undefined));
  return promise;
}

test('one address has a limited number of connections, independent of others', async (t) => {
  const { frontend } = await openFrontend(t, (_, response) => response.end('here'));
  const { url } = await open(t, [frontend], { connections: 5 });
  const greedy: (Socket | undefined)[] = [];
  for (let count = 0; count < 8; count += 1) greedy.push(await stay(t, url, '127.0.0.7'));
  assert.deepEqual(
    greedy.map((socket) => socket !== undefined),
    [true, true, true, true, true, false, false, false],
  );
  assert.ok(await stay(t, url, '127.0.0.8'));
  greedy[0]?.destroy();
  await until(async () => (await stay(t, url, '127.0.0.7')) !== undefined);
});

test('one address opens a limited number of connections in ten seconds, independent of others', async (t) => {
  const { frontend } = await openFrontend(t, (_, response) => response.end('here'));
  const { url } = await open(t, [frontend], { rate: 5 });
  const answered: boolean[] = [];
  while (answered.at(-1) !== false && answered.length < 1000) {
    const socket = await stay(t, url, '127.0.0.7');
    answered.push(socket !== undefined);
    socket?.destroy();
  }
  assert.ok(answered.length > 5 && answered.at(-1) === false, `${answered.length} were answered`);
  assert.ok(await stay(t, url, '127.0.0.8'));
});

test('haproxy has a statistics page and metrics', async (t) => {
  const { frontend } = await openFrontend(t, (_, response) => response.end());
  const haproxy = await open(t, [frontend]);
  assert.match(await (await fetch(`${haproxy.statisticsUrl}/metrics`)).text(), /haproxy_server_status/);
  assert.match(await (await fetch(haproxy.statisticsUrl)).text(), /Statistics Report/);
});
