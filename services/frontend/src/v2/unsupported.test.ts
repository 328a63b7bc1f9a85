import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection } from '../testing/raw-connection.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const digest = digestOf(Buffer.from('x'));

test('every write is a 405 with the reason', async (t) => {
  const pullThrough = createMemoryPullThrough();
  const { url } = await startFrontend(t, { pullThrough });
  const cases: [string, string][] = [
    ['POST', '/v2/nginx/blobs/uploads/'],
    ['POST', `/v2/nginx/blobs/uploads/?mount=${digest}&from=library/other`],
    ['PATCH', '/v2/nginx/blobs/uploads/5f1c'],
    ['PUT', '/v2/nginx/manifests/latest'],
    ['PUT', '/ghcr.io/v2/a/b/manifests/latest'],
    ['DELETE', `/v2/nginx/manifests/${digest}`],
    ['DELETE', `/v2/nginx/blobs/${digest}`],
    ['POST', '/v2/'],
    ['GET', '/v2/nginx/blobs/uploads/5f1c'],
  ];
  for (const [method, path] of cases) {
    const answer = await sendRequest(url + path, { method });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.allow, 'GET, HEAD');
    assert.equal(errorsOf(answer)[0]?.code, 'UNSUPPORTED');
    assert.match(errorsOf(answer)[0]?.message ?? '', /cache is read-only/);
  }
  assert.equal(pullThrough.calls.length, 0);
});

test('a write is a 405 for every type and size of body', async (t) => {
  const { url } = await startFrontend(t);
  for (const type of ['application/vnd.oci.image.manifest.v1+json', 'application/json', 'not a type', '']) {
    const answer = await sendRequest(`${url}/v2/nginx/manifests/latest`, {
      method: 'PUT',
      headers: type === '' ? {} : { 'content-type': type },
      body: '{ not json'.repeat(10_000),
    });
    assert.equal(answer.status, 405, type);
  }
});

test('a connection serves the next request after an unread body', async (t) => {
  const { port } = await startFrontend(t);
  const connection = await openRawConnection(t, port);
  connection.socket.write('PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n');
  connection.socket.write(Buffer.alloc(100_000, 'b'));
  connection.socket.write('GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await connection.closed;
  assert.match(connection.received().toString(), /^HTTP\/1\.1 405 [\s\S]+HTTP\/1\.1 200 OK[\s\S]+\{\}$/);
});
