import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

test('the ping is answered without a call of a use case', async (t) => {
  const pullThrough = createMemoryPullThrough();
  const { url } = await startFrontend(t, { pullThrough });
  for (const path of ['/v2/', '/v2', '/docker.io/v2/', '/docker.io/v2', '/v2/?ns=ghcr.io']) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await sendRequest(url + path, { method });
      assert.equal(answer.status, 200, path);
      assert.equal(answer.body.toString(), method === 'GET' ? '{}' : '');
      assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.equal(answer.headers['content-length'], '2');
    }
  }
  assert.equal(pullThrough.calls.length, 0);
});

test('every response has the configured headers, as often as configured', async (t) => {
  const { url } = await startFrontend(t, {
    headers: { 'X-Content-Type-Options': ['nosniff'], 'X-Several': ['a', 'b'], 'X-None': [] },
  });
  for (const path of ['/v2/', '/v2/nope', '/']) {
    const { headers } = await sendRequest(url + path);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-several'], 'a, b');
    assert.equal(headers['x-none'], undefined);
  }
});

test('every response has nosniff, unless the configuration replaces it', async (t) => {
  const plain = await startFrontend(t, { headers: {} });
  assert.equal((await sendRequest(`${plain.url}/v2/`)).headers['x-content-type-options'], 'nosniff');
  const own = await startFrontend(t, { headers: { 'X-Content-Type-Options': ['something'] } });
  assert.equal((await sendRequest(`${own.url}/v2/`)).headers['x-content-type-options'], 'something');
});
