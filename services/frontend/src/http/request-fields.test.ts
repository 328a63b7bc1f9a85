import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { freshnessOptions } from './request-fields.ts';

const blob = Buffer.from('a layer');
const manifest = Buffer.from('{"schemaVersion":2}');

test('a matching entity tag is a 304 without a body, on GET and HEAD', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob], manifests: [manifest] });
  const { url } = await startFrontend(t, { pullThrough });
  const cases = [
    [`/v2/nginx/blobs/${digestOf(blob)}`, digestOf(blob)],
    ['/v2/nginx/manifests/latest', digestOf(manifest)],
    [`/v2/nginx/manifests/${digestOf(manifest)}`, digestOf(manifest)],
  ] as const;
  for (const [path, digest] of cases) {
    for (const header of [`"${digest}"`, `W/"${digest}"`, `"other", "${digest}"`, '*', digest]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await sendRequest(url + path, { method, headers: { 'if-none-match': header } });
        assert.equal(answer.status, 304, `${method} ${path} ${header}`);
        assert.equal(answer.body.length, 0);
        assert.equal(answer.headers.etag, `"${digest}"`);
        assert.equal(answer.headers['docker-content-digest'], digest);
      }
    }
  }
  assert.equal(pullThrough.reads, 0);
});

test('a request with another entity tag gets the whole content', async (t) => {
  const { url } = await startFrontend(t, {
    pullThrough: createMemoryPullThrough({ blobs: [blob], manifests: [manifest] }),
  });
  for (const path of [`/v2/nginx/blobs/${digestOf(blob)}`, '/v2/nginx/manifests/latest']) {
    const { status } = await sendRequest(url + path, {
      headers: { 'if-none-match': `"${digestOf(Buffer.from('x'))}"` },
    });
    assert.equal(status, 200);
  }
});

const allowAll = { mayRevalidate: () => true };
const optionsOf = (value: string) =>
  freshnessOptions(allowAll, { headers: { 'cache-control': value }, ip: '192.0.2.1' });

test('no-cache and max-age are read among other directives', () => {
  assert.deepEqual(optionsOf('no-cache'), { forceRevalidation: true });
  assert.deepEqual(optionsOf('No-Store, No-Cache'), { forceRevalidation: true });
  assert.deepEqual(optionsOf('max-age=0, no-cache'), { forceRevalidation: true, maxAgeMs: 0 });
  assert.deepEqual(optionsOf('max-stale=5, Max-Age="60"'), { forceRevalidation: false, maxAgeMs: 60_000 });
});

test('all other directives are ignored', () => {
  for (const value of ['', 'x-no-cache', 'max-age=-1', 'max-age=soon', 's-max-age=5', 'max-age'])
    assert.deepEqual(optionsOf(value), { forceRevalidation: false });
  assert.deepEqual(freshnessOptions(allowAll, { headers: {}, ip: '192.0.2.1' }), { forceRevalidation: false });
});
