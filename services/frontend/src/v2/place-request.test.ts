import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const digest = digestOf(Buffer.from('layer'));

test('every way to name an upstream reaches it', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [Buffer.from('layer')] });
  const { url } = await startFrontend(t, { pullThrough });
  const cases: [string, string, string?][] = [
    [`/v2/nginx/blobs/${digest}`, 'docker.io/library/nginx'],
    [`/v2/library/nginx/blobs/${digest}`, 'docker.io/library/nginx'],
    [`/v2/nginx/blobs/${digest}?ns=docker.io`, 'docker.io/library/nginx'],
    [`/v2/nginx/blobs/${digest}?ns=index.docker.io`, 'docker.io/library/nginx'],
    [`/v2/a/b/blobs/${digest}?ns=ghcr.io`, 'ghcr.io/a/b'],
    [`/v2/ghcr.io/a/b/blobs/${digest}`, 'ghcr.io/a/b'],
    [`/v2/ghcr.io/a/b/blobs/${digest}?ns=ghcr.io`, 'ghcr.io/a/b'],
    [`/ghcr.io/v2/a/b/blobs/${digest}`, 'ghcr.io/a/b'],
    [`/docker.io/v2/nginx/blobs/${digest}`, 'docker.io/library/nginx'],
    [`/v2/a/b/blobs/${digest}`, 'ghcr.io/a/b', 'ghcr.test'],
    [`/v2/a/b/blobs/${digest}?ns=docker.io`, 'docker.io/a/b', 'ghcr.test'],
    [`/v2/nginx/blobs/${digest.replace(':', '%3A')}`, 'docker.io/library/nginx'],
    [`/v2/nginx/blobs/${digest}?ns=`, 'docker.io/library/nginx'],
  ];
  for (const [path, expected, host] of cases) {
    const answer = await sendRequest(url + path, { headers: host === undefined ? {} : { host } });
    assert.equal(answer.status, 200, path);
    const { upstream, repository } = pullThrough.calls.at(-1)?.request ?? {};
    assert.equal([upstream, repository].join('/'), expected, path);
    assert.equal(answer.headers['x-cistern-upstream'], upstream);
  }
});

test('a request without a valid upstream or name is rejected before any call of a use case', async (t) => {
  const pullThrough = createMemoryPullThrough();
  const { url } = await startFrontend(t, { pullThrough });
  const cases: [string, number, string][] = [
    ['/v2/a/b/manifests/x?ns=evil.example', 404, 'NAME_UNKNOWN'],
    ['/v2/a/b/manifests/x?ns=127.0.0.1:22', 404, 'NAME_UNKNOWN'],
    ['/v2/a/b/manifests/x?ns=evil.example&ns=docker.io', 404, 'NAME_UNKNOWN'],
    ['/v2/ghcr.io/a/manifests/x?ns=docker.io', 400, 'NAME_INVALID'],
    ['/ghcr.io/v2/a/manifests/x?ns=docker.io', 400, 'NAME_INVALID'],
    ['/evil.example/v2/a/manifests/x', 404, 'NAME_UNKNOWN'],
    [`/v2/${'a'.repeat(256)}/manifests/x`, 400, 'NAME_INVALID'],
    [`/v2/a/manifests/${'t'.repeat(129)}`, 404, 'MANIFEST_UNKNOWN'],
    ['/v2/A/manifests/x', 400, 'NAME_INVALID'],
    ['/v2/a/%2e%2e/manifests/x', 400, 'NAME_INVALID'],
    ['/v2/a%2fb/manifests/x', 400, 'NAME_INVALID'],
    ['/v2/a/manifests/..%2f..%2fetc', 404, 'MANIFEST_UNKNOWN'],
    ['/v2/a/manifests/sha256:short', 400, 'DIGEST_INVALID'],
    ['/v2/a/blobs/latest', 400, 'DIGEST_INVALID'],
    [`/v2/a/blobs/${digest.toUpperCase()}`, 400, 'DIGEST_INVALID'],
    ['/v2/a/referrers/latest', 400, 'DIGEST_INVALID'],
  ];
  for (const [path, status, code] of cases) {
    const answer = await sendRequest(url + path);
    assert.equal(answer.status, status, path);
    assert.equal(errorsOf(answer)[0]?.code, code, path);
  }
  assert.equal(pullThrough.calls.length, 0);
});

test('a request that is in a loop is rejected', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [Buffer.from('{}')] });
  const { url } = await startFrontend(t, { pullThrough });
  const path = `${url}/v2/nginx/manifests/latest`;
  for (const hop of ['this-cluster', 'another, this-cluster']) {
    const answer = await sendRequest(path, { headers: { 'x-cistern-hop': hop } });
    assert.equal(answer.status, 508);
    assert.match(errorsOf(answer)[0]?.message ?? '', /sends requests to itself/);
  }
  assert.equal(pullThrough.calls.length, 0);
  assert.equal((await sendRequest(path, { headers: { 'x-cistern-hop': 'another' } })).status, 200);
});

test('an open cache ignores the credentials of clients', async (t) => {
  const { url } = await startFrontend(t, {
    pullThrough: createMemoryPullThrough({ manifests: [Buffer.from('{}')] }),
  });
  for (const path of ['/v2/', '/v2/nginx/manifests/latest'])
    for (const authorization of ['Basic d3Jvbmc6d3Jvbmc=', 'Bearer expired', 'nonsense'])
      assert.equal((await sendRequest(url + path, { headers: { authorization } })).status, 200);
});
