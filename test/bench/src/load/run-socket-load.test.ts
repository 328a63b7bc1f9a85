// The clock of a load is a counter, so its duration does not depend on this machine.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { runSocketLoad, type SocketLoad } from './run-socket-load.ts';

async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/path`;
}

/** Each look at the clock is `stepMs` after the last one. */
function createClock(stepMs: number): () => number {
  let nowMs = 0;
  return () => (nowMs += stepMs);
}

const load = { method: 'GET', size: 5, connections: 4, seconds: 1 } as const;
const run = (given: Partial<SocketLoad> & { url: string }, stepMs = 0.01) =>
  runSocketLoad({ ...load, ...given }, createClock(stepMs));

test('a rate sends exactly its number of requests, over all connections', async (t) => {
  const ports = new Set<number | undefined>();
  let served = 0;
  const url = await serve(t, ({ socket }, response) => {
    served += 1;
    ports.add(socket.remotePort);
    response.end('bytes');
  });
  const { requests, latePart } = await run({ url, rate: 50 });
  assert.deepEqual([requests, latePart, served, ports.size], [50, 0, 50, 4]);
});

test('without a rate, each connection sends until the time is over, also HEADs', async (t) => {
  const methods = new Set<string | undefined>();
  const url = await serve(t, ({ method }, response) => {
    methods.add(method);
    response.writeHead(200, { 'content-length': 5 }).end(method === 'HEAD' ? undefined : 'bytes');
  });
  for (const method of ['GET', 'HEAD'] as const) assert.ok((await run({ url, method }, 0.1)).requests > 4);
  assert.deepEqual([...methods], ['GET', 'HEAD']);
});

test('a server that does not keep up makes requests late, and one that stops is an error', async (t) => {
  let mostServed = Number.POSITIVE_INFINITY;
  let served = 0;
  const url = await serve(t, (_request, response) => {
    if ((served += 1) <= mostServed) response.end('bytes');
  });
  // The clock runs so fast that requests become due faster than they are answered.
  assert.ok((await run({ url, rate: 1000 }, 1)).latePart > 0.1);
  mostServed = served + 8;
  await assert.rejects(run({ url, rate: 1000 }, 1), /did not answer all requests/);
});

test('a wrong response and a closed connection are errors', async (t) => {
  const url = await serve(t, ({ url: path }, response) => {
    if (path === '/closed') response.destroy();
    else response.writeHead(503).end('bytes');
  });
  await assert.rejects(run({ url, rate: 50 }), /returned "HTTP\/1.1 503 Service Unavailable"/);
  await assert.rejects(run({ url: new URL('/closed', url).href, rate: 50 }), /a connection was closed/);
});

test('a server that does not listen is an error', async () => {
  await assert.rejects(run({ url: 'http://127.0.0.1:1/' }), /ECONNREFUSED/);
});
