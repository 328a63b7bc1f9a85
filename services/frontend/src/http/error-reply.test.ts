import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

function failing(error: Error) {
  const fail = async () => {
    throw error;
  };
  return createMemoryPullThrough({
    instead: { statManifest: fail, openManifest: fail, openBlob: fail, listTags: fail, listReferrers: fail },
  });
}

const digest = digestOf(Buffer.from('x'));
const paths = ['manifests/latest', `blobs/${digest}`, 'tags/list', `referrers/${digest}`];

test('every endpoint answers an error as OCI JSON, and HEAD with the same headers and no body', async (t) => {
  const error = new CacheError('overloaded', 'Too much at once.', { retryAfterMs: 3000, detail: { waiting: 9 } });
  const { url } = await startFrontend(t, { pullThrough: failing(error) });
  for (const path of paths) {
    const get = await sendRequest(`${url}/v2/nginx/${path}`);
    assert.equal(get.status, 503);
    assert.deepEqual(errorsOf(get), [{ code: 'UNAVAILABLE', message: 'Too much at once.', detail: { waiting: 9 } }]);
    assert.equal(get.headers['content-type'], 'application/json');
    assert.equal(get.headers['content-length'], String(get.body.length));
    assert.equal(get.headers['retry-after'], '3');
    assert.equal(get.headers['docker-distribution-api-version'], 'registry/2.0');
    assert.equal(get.headers['x-content-type-options'], 'nosniff');
    const head = await sendRequest(`${url}/v2/nginx/${path}`, { method: 'HEAD' });
    assert.equal(head.status, 503);
    assert.equal(head.body.length, 0);
    for (const name of ['content-type', 'content-length', 'retry-after'])
      assert.equal(head.headers[name], get.headers[name], `${path} ${name}`);
  }
});

test('429 reaches those who named the upstream in the path, never a mirror client', async (t) => {
  const { url } = await startFrontend(t, {
    pullThrough: failing(new CacheError('upstream-rate-limited', 'Slow down.')),
  });
  const cases: [string, number][] = [
    ['/v2/ghcr.io/a/b/manifests/x', 429],
    ['/v2/a/b/manifests/x', 503],
    ['/v2/a/b/manifests/x?ns=ghcr.io', 503],
    ['/v2/ghcr.io/a/b/manifests/x?ns=ghcr.io', 503],
  ];
  for (const [path, expected] of cases) {
    const answer = await sendRequest(url + path);
    assert.equal(answer.status, expected, path);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
});

test('an unexpected error is a 500 whose cause is only in the log', async (t) => {
  const { url, log } = await startFrontend(t, { pullThrough: failing(new TypeError('x is not a function')) });
  const answer = await sendRequest(`${url}/v2/nginx/manifests/latest`);
  assert.equal(answer.status, 500);
  assert.equal(errorsOf(answer)[0]?.code, 'UNKNOWN');
  assert.doesNotMatch(answer.body.toString(), /not a function/);
  assert.equal(log[0]?.['level'], 'error');
  assert.match(JSON.stringify(log[0]?.['err']), /x is not a function/);
});

test('a path that is nothing is a 404 in OCI JSON, one that cannot be decoded a 400', async (t) => {
  const { url, port } = await startFrontend(t);
  for (const path of ['/v2/nope', '/v1/search', '/favicon.ico', '/a/b/c', '/v2/a/tags/other', `/${'x'.repeat(200)}`]) {
    const answer = await sendRequest(url + path);
    assert.equal(answer.status, 404, path);
    assert.equal(errorsOf(answer)[0]?.code, 'NAME_UNKNOWN');
  }
  for (const path of ['/v2/%zz/manifests/x', '/%', `/${'x'.repeat(300)}/v2/`]) {
    const connection = await openRawConnection(t, port);
    connection.socket.write(requestText(path, ['Connection: close']));
    await connection.closed;
    assert.match(connection.received().toString(), /^HTTP\/1\.1 400 [\s\S]+"NAME_INVALID"/, path);
  }
});

test('the root is alive, for load balancers that ask there', async (t) => {
  const { url } = await startFrontend(t);
  for (const method of ['GET', 'HEAD']) assert.equal((await sendRequest(`${url}/`, { method })).status, 200);
});
