import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Prewarm } from '@cistern/operations';
import { fastify } from 'fastify';
import { addPrewarmRoute } from './prewarm-route.ts';

test('a client that disconnects ends the wait for the image, and the server continues', async (t) => {
  const app = fastify({ forceCloseConnections: true });
  t.after(() => app.close());
  const ended = Promise.withResolvers<AbortSignal>();
  const prewarm: Prewarm = async (_image, { signal, onProgress }) => {
    onProgress({ blobs: 2, blobsHere: 1, bytes: 7, bytesHere: 3 });
    await once(signal, 'abort');
    // Progress after the disconnect.
    onProgress({ blobs: 2, blobsHere: 2, bytes: 7, bytesHere: 7 });
    ended.resolve(signal);
    throw signal.reason;
  };
  addPrewarmRoute(app, prewarm);
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const client = new AbortController();
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"image":"a"}' };
  const { body } = await fetch(`${address}/v1/prewarm`, { ...request, signal: client.signal });
  const { value } = (await body?.getReader().read()) ?? assert.fail();
  assert.match(new TextDecoder().decode(value), /"blobsHere":1/);
  client.abort();
  assert.equal((await ended.promise).aborted, true);
  assert.equal((await fetch(`${address}/v1/prewarm`, { ...request, body: '{"image":""}' })).status, 400);
});
