import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { buildBareRoute } from './build-bare-route.ts';
import { nodeFlagsOf } from './start-fastify.ts';

const body = Buffer.from([0, 1, 2, 255]);

/** A cache that has stored the content after `misses` requests, and a bare route in front of it. */
async function start(t: TestContext, misses: number, status = 200) {
  const asked: string[] = [];
  const cache = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    const headers = {
      'content-length': body.length,
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'x-cache': asked.length > misses ? 'HIT' : 'MISS',
      'x-request-id': `number ${asked.length}`,
    };
    response.writeHead(status, headers).end(body);
  }).listen(0, '127.0.0.1');
  t.after(() => cache.close());
  await once(cache, 'listening');
  const app = buildBareRoute(`http://127.0.0.1:${(cache.address() as AddressInfo).port}`);
  t.after(() => app.close());
  return { app, asked };
}

test('a bare route sends the headers and bytes of a stored copy, and asks for each path once', async (t) => {
  const { app, asked } = await start(t, 2);
  for (const method of ['GET', 'HEAD', 'GET'] as const) {
    const { statusCode, headers, rawPayload } = await app.inject({ method, url: '/v2/a/blobs/b' });
    assert.equal(statusCode, 200);
    assert.deepEqual(rawPayload, method === 'HEAD' ? Buffer.alloc(0) : body);
    const { connection: _connection, date: _date, ...constant } = headers;
    assert.deepEqual(constant, {
      'content-length': '4',
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'x-cache': 'HIT',
      'x-request-id': 'number 3',
    });
  }
  assert.deepEqual(
    asked,
    Array.from({ length: 3 }, () => 'GET /v2/a/blobs/b'),
  );
});

test('a bare route has no answer if the cache has none', async (t) => {
  const { app } = await start(t, 0, 404);
  assert.equal((await app.inject('/v2/a/blobs/b')).statusCode, 500);
});

test('the flags of a running process are found, without its program and arguments', async (t) => {
  const flags = ['--max-semi-space-size=8', '--input-type=module'];
  const child = spawn(process.execPath, [...flags, '--eval=setInterval(() => {}, 1000)', 'program', '--own'], {
    stdio: 'ignore',
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  assert.deepEqual(await nodeFlagsOf(child.pid!), [...flags, '--eval=setInterval(() => {}, 1000)']);
});
