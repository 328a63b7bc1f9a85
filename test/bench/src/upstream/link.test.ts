import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createLink } from './link.ts';

const body = Buffer.alloc(300_000, 7);

async function open(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stage(t: TestContext) {
  const seen: string[] = [];
  const target = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.once('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers.host} ${Buffer.concat(chunks).length}`);
      response.writeHead(request.url === '/none' ? 404 : 200, { 'content-length': body.length, 'x-of': 'target' });
      response.end(body);
    });
  });
  const link = createLink(await open(t, target));
  const url = await open(t, link.server);
  return { link, url, seen };
}

test('requests and responses pass unchanged', async (t) => {
  const { url, seen } = await stage(t);
  const answer = await fetch(`${url}/a?b=c`, { method: 'PUT', body: 'sent' });
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), body);
  assert.equal(answer.headers.get('x-of'), 'target');
  assert.equal((await fetch(`${url}/none`)).status, 404);
  assert.deepEqual(seen[0], `PUT /a?b=c ${new URL(url).host} 4`);
});

test('GETs and response bytes are counted for each path', async (t) => {
  const { link, url } = await stage(t);
  for (const path of ['/one', '/one?page=2', '/other']) await (await fetch(url + path)).arrayBuffer();
  await fetch(`${url}/one`, { method: 'HEAD' });
  assert.deepEqual(link.counts('/one'), { gets: 2, bytes: 2 * body.length });
  assert.deepEqual(link.counts('/'), { gets: 3, bytes: 3 * body.length });
  assert.deepEqual(link.counts('/none'), { gets: 0, bytes: 0 });
});

test('a response takes the time of the configured latency and bandwidth', async (t) => {
  const { link, url } = await stage(t);
  const tookMs = async () => {
    // real-time: a lower bound, which a slow machine only exceeds
    const beganAtMs = performance.now();
    await (await fetch(url)).arrayBuffer();
    // real-time: a lower bound, which a slow machine only exceeds
    return performance.now() - beganAtMs;
  };
  link.limit({ latencyMs: 50 });
  assert.ok((await tookMs()) >= 49);
  // All chunks but the last, of at most 64 KiB, must have taken their time.
  link.limit({ bytesPerSecond: 2_000_000 });
  assert.ok((await tookMs()) >= ((body.length - 65_536) / 2_000_000) * 1000 - 2);
});

test('a reader that disconnects ends its response, and the next one is served', async (t) => {
  const { link, url } = await stage(t);
  link.limit({ bytesPerSecond: 100_000 });
  const leaving = new AbortController();
  const answer = await fetch(`${url}/left`, { signal: leaving.signal });
  leaving.abort();
  await assert.rejects(answer.arrayBuffer());
  link.limit({});
  assert.equal((await (await fetch(`${url}/next`)).arrayBuffer()).byteLength, body.length);
  assert.ok(link.counts('/left').bytes < body.length);
});
