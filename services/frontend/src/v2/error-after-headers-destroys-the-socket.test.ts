import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough, type MemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const digest = digestOf(Buffer.from('any'));
const path = `/v2/library/nginx/blobs/${digest}`;
const mismatch = new CacheError('content-mismatch', 'The bytes of the upstream do not have the requested digest.');

/** Opens a blob that announces 100 bytes. `steps` is the behaviour of its stream. */
function scripted(steps: readonly (() => Promise<Uint8Array | undefined>)[]): MemoryPullThrough & { closed(): number } {
  let closed = 0;
  const remaining = [...steps];
  const pullThrough = createMemoryPullThrough({
    manifests: [Buffer.from('{}')],
    instead: {
      openBlob: async () => ({
        digest,
        size: 100,
        cache: 'MISS',
        read: async () => ({
          cache: 'MISS',
          next: () => remaining.shift()?.() ?? Promise.resolve(undefined),
          close() {
            closed += 1;
          },
        }),
      }),
    },
  });
  return Object.defineProperty(pullThrough as MemoryPullThrough & { closed(): number }, 'closed', {
    value: () => closed,
  });
}

const send = (bytes: number) => async () => Buffer.alloc(bytes, 'a');

test('a failure midway closes the connection, with nothing after the last good byte', async (t) => {
  const pullThrough = scripted([send(60), () => Promise.reject(mismatch)]);
  const { port, log } = await startFrontend(t, { pullThrough });
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText(path));
  await connection.closed;
  const [head = '', body] = connection.received().toString().split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 200 OK/);
  assert.match(head, /content-length: 100/i);
  assert.equal(body, 'a'.repeat(60));
  await until(() => log.length === 1);
  assert.equal(pullThrough.closed(), 1);
  assert.equal(log[0]?.['errorKind'], 'content-mismatch');
  assert.equal(log[0]?.['level'], 'error');
  assert.equal(log[0]?.['aborted'], true);
});

test('a stream with too few or too many bytes closes the connection without another response', async (t) => {
  for (const steps of [[send(60)], [send(60), send(41)]]) {
    const pullThrough = scripted(steps);
    const { port } = await startFrontend(t, { pullThrough });
    const connection = await openRawConnection(t, port);
    connection.socket.write(requestText(path) + requestText('/v2/'));
    await connection.closed;
    assert.match(connection.received().toString(), /^HTTP\/1\.1 200 [^{]+\r\n\r\na{60}$/);
    assert.equal(pullThrough.closed(), 1);
  }
});

test('a failure after the last byte is not a clean end', async (t) => {
  const pullThrough = scripted([send(100), () => Promise.reject(mismatch)]);
  const { port } = await startFrontend(t, { pullThrough });
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText(path) + requestText('/v2/'));
  await connection.closed;
  assert.equal(connection.received().toString().split('HTTP/1.1').length, 2);
});

test('a failure before the first byte is an error response, and the connection stays open', async (t) => {
  const pullThrough = scripted([() => Promise.reject(mismatch)]);
  const { url, port } = await startFrontend(t, { pullThrough });
  const answer = await sendRequest(url + path);
  assert.equal(answer.status, 502);
  assert.deepEqual(errorsOf(answer), [{ code: 'UNAVAILABLE', message: mismatch.message }]);
  for (const name of ['etag', 'docker-content-digest', 'accept-ranges'])
    assert.equal(answer.headers[name], undefined, name);
  assert.equal(pullThrough.closed(), 1);
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText('/v2/nginx/tags/list?n=x') + requestText('/v2/', ['Connection: close']));
  await connection.closed;
  assert.match(connection.received().toString(), /^HTTP\/1\.1 400 [\s\S]+HTTP\/1\.1 200 OK/);
});

test('a pipelined response that fails midway does not affect the previous one', async (t) => {
  const { port } = await startFrontend(t, { pullThrough: scripted([send(10), () => Promise.reject(mismatch)]) });
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText('/v2/nginx/tags/list') + requestText(path));
  await connection.closed;
  const text = connection.received().toString();
  assert.match(text, /\{"name":"nginx","tags":\["1.0","latest"\]\}/);
  assert.ok(text.endsWith(`\r\n\r\n${'a'.repeat(10)}`));
});
