import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { fastify } from 'fastify';
import { z } from 'zod';
import { addLinesRoute, addRoute } from './add-route.ts';

const described = { tag: 'test', summary: 'A route' };

test('the schema of a query parses numbers, adds defaults, and rejects a value with the name of its field', async (t) => {
  const app = fastify();
  t.after(() => app.close());
  const query = z.object({ limit: z.int().min(1).max(5).default(3), name: z.string().max(2).optional() });
  addRoute(app, { ...described, path: 'GET /page', query, answer: query, act: async (input) => input.query });
  const get = async (path: string) => {
    const { statusCode, body } = await app.inject(path);
    return { statusCode, body: JSON.parse(body) as { readonly message?: string } };
  };
  assert.deepEqual(await get('/page'), { statusCode: 200, body: { limit: 3 } });
  assert.deepEqual(await get('/page?limit=5&name=ab'), { statusCode: 200, body: { limit: 5, name: 'ab' } });
  for (const [field, value] of [
    ['limit', '6'],
    ['limit', 'x'],
    ['name', 'abc'],
  ] as const) {
    const { statusCode, body } = await get(`/page?${field}=${value}`);
    assert.equal(statusCode, 400);
    assert.match(body.message ?? '', new RegExp(`^querystring/${field} must`));
  }
});

test('a route of lines stops its work when the client disconnects', async (t) => {
  const app = fastify({ forceCloseConnections: true });
  t.after(() => app.close());
  const stopped = Promise.withResolvers<unknown>();
  async function* act(_input: unknown, signal: AbortSignal) {
    yield { step: 1 };
    await once(signal, 'abort');
    stopped.resolve(signal.reason);
  }
  addLinesRoute(app, { ...described, path: 'GET /lines', answer: z.object({ step: z.int() }), act });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const client = new AbortController();
  const { headers, body } = await fetch(`${address}/lines`, { signal: client.signal });
  assert.equal(headers.get('content-type'), 'application/x-ndjson');
  const { value } = (await body?.getReader().read()) ?? assert.fail();
  assert.equal(new TextDecoder().decode(value), '{"step":1}\n');
  client.abort();
  assert.match(String(await stopped.promise), /client closed the connection/);
});
