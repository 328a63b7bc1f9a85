import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

// The spaces and the é would not survive a parser or a charset.
const manifest = Buffer.from('{\n  "schemaVersion": 2,\t"annotations": {"é":"\u{1f433}"} }\n');
const digest = digestOf(manifest);

test('a manifest is sent with its exact bytes and its exact media type', async (t) => {
  for (const mediaType of [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
  ]) {
    const { url } = await startFrontend(t, {
      pullThrough: createMemoryPullThrough({ manifests: [manifest], mediaType }),
    });
    for (const reference of ['latest', digest]) {
      const answer = await sendRequest(`${url}/v2/library/nginx/manifests/${reference}`);
      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(manifest));
      assert.equal(answer.headers['content-type'], mediaType);
      assert.equal(answer.headers['content-length'], String(manifest.length));
      assert.equal(answer.headers['docker-content-digest'], digest);
      assert.equal(answer.headers.etag, `"${digest}"`);
    }
  }
});

test('a HEAD has the headers of a GET and reads only facts', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const { url } = await startFrontend(t, { pullThrough });
  const ignored = { date: '', 'x-request-id': '' };
  for (const reference of ['latest', digest]) {
    const get = await sendRequest(`${url}/v2/library/nginx/manifests/${reference}`);
    const head = await sendRequest(`${url}/v2/library/nginx/manifests/${reference}`, { method: 'HEAD' });
    assert.deepEqual({ ...head.headers, ...ignored }, { ...get.headers, ...ignored });
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  }
  assert.deepEqual(
    pullThrough.calls.map(({ method }) => method),
    ['openManifest', 'statManifest', 'openManifest', 'statManifest'],
  );
});

test('the response has the cache result and the age of the tag', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const { url } = await startFrontend(t, { pullThrough });
  const byTag = await sendRequest(`${url}/v2/library/nginx/manifests/latest`);
  assert.equal(byTag.headers['x-cache'], 'HIT');
  assert.equal(byTag.headers['x-cistern-upstream'], 'docker.io');
  assert.equal(byTag.headers.age, '61');
  assert.equal(byTag.headers['warning'], undefined);
  const byDigest = await sendRequest(`${url}/v2/library/nginx/manifests/${digest}`);
  assert.equal(byDigest.headers.age, undefined);
});

test('a stale manifest has a warning with the reason', async (t) => {
  const stale = '110 - "Response is Stale"';
  for (const [staleBecause, warning] of [
    ['revalidating', stale],
    ['gone', stale],
    ['failing', `${stale}, 111 - "Revalidation Failed"`],
    ['offline', `${stale}, 112 - "Disconnected Operation"`],
  ] as const) {
    const facts = {
      digest,
      mediaType: 'application/x',
      size: 5,
      cache: 'STALE',
      staleBecause,
      ageMs: 7_200_000,
    } as const;
    const pullThrough = createMemoryPullThrough({ instead: { statManifest: async () => facts } });
    const { url } = await startFrontend(t, { pullThrough });
    const { headers } = await sendRequest(`${url}/v2/library/nginx/manifests/latest`, { method: 'HEAD' });
    assert.deepEqual([headers['x-cache'], headers.age, headers['warning']], ['STALE', '7200', warning]);
  }
});

test('a range of a manifest is a 206, as containerd expects', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ manifests: [manifest] }) });
  const path = `${url}/v2/library/nginx/manifests/latest`;
  const size = manifest.length;
  const whole = await sendRequest(path, { headers: { range: 'bytes=0-' } });
  assert.equal(whole.status, 206);
  assert.equal(whole.headers['content-range'], `bytes 0-${size - 1}/${size}`);
  assert.ok(whole.body.equals(manifest));
  const part = await sendRequest(path, { headers: { range: 'bytes=3-7' } });
  assert.equal(part.status, 206);
  assert.equal(part.headers['content-length'], '5');
  assert.ok(part.body.equals(manifest.subarray(3, 8)));
  const several = await sendRequest(path, { headers: { range: 'bytes=0-1,4-5' } });
  assert.equal(several.status, 200);
  assert.ok(several.body.equals(manifest));
  const outside = await sendRequest(path, { headers: { range: `bytes=${size}-` } });
  assert.equal(outside.status, 416);
  assert.equal(outside.headers['content-range'], `bytes */${size}`);
  assert.equal(errorsOf(outside)[0]?.code, 'RANGE_INVALID');
});

test('no-cache forces a revalidation, and other directives do not', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const { url } = await startFrontend(t, { pullThrough });
  const path = `${url}/v2/library/nginx/manifests/latest`;
  for (const value of ['no-cache', 'max-age=0, no-cache', 'max-age=0'])
    await sendRequest(path, { headers: { 'cache-control': value } });
  await sendRequest(path);
  assert.deepEqual(
    pullThrough.calls.map(({ request }) => request['forceRevalidation']),
    [true, true, false, false],
  );
});

test('a client that may not force a revalidation gets the normal response', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const options = { pullThrough, revalidateFrom: ['192.0.2.0/24'], trustedProxies: ['127.0.0.1'] };
  const { url } = await startFrontend(t, options);
  for (const path of ['manifests/latest', 'tags/list', `referrers/${digest}`])
    for (const client of ['192.0.2.7', '198.51.100.7'])
      await sendRequest(`${url}/v2/library/nginx/${path}`, {
        headers: { 'cache-control': 'no-cache, max-age=0', 'x-forwarded-for': client },
      });
  assert.deepEqual(
    pullThrough.calls.map(({ request }) => [request['forceRevalidation'], request['maxAgeMs']]),
    [1, 2, 3].flatMap(() => [
      [true, 0],
      [false, undefined],
    ]),
  );
});
