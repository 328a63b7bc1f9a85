import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { accept, fillByDockerRegistry, repository, type WarmImages } from './warm-directory.ts';

async function pullEverything(t: TestContext, url: string, warm: WarmImages, tagResult: string): Promise<void> {
  const get = async (path: string, expected: Buffer, mediaType: string, result: string) => {
    for (const method of ['HEAD', 'GET']) {
      const answer = await sendRequest(`${url}/v2/${repository}/${path}`, { method, headers: accept });
      assert.equal(answer.status, 200, `${method} ${path} ${answer.body.toString()}`);
      assert.equal(answer.headers['content-type'], mediaType);
      assert.equal(answer.headers['content-length'], String(expected.length));
      assert.equal(answer.headers['x-cache'], result, `${method} ${path}`);
      if (method === 'GET') assert.ok(answer.complete && answer.body.equals(expected));
    }
  };
  await t.test('the tag', () => get('manifests/latest', warm.index.bytes, warm.index.mediaType, tagResult));
  await t.test('the manifests', async () => {
    for (const { digest, bytes, mediaType } of warm.images) await get(`manifests/${digest}`, bytes, mediaType, 'HIT');
  });
  await t.test('the blobs', async () => {
    for (const [digest, bytes] of warm.blobs) await get(`blobs/${digest}`, bytes, 'application/octet-stream', 'HIT');
  });
}

test('all content of registry:2 is served while upstream is unavailable', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const warm = await fillByDockerRegistry(upstream, rootDirectory);
  await upstream.refuseConnections();
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
  await pullEverything(t, cistern.url, warm, 'STALE');
});

test('no content of registry:2 is fetched again, and upstream only confirms the tag', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const warm = await fillByDockerRegistry(upstream, rootDirectory);
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
  await pullEverything(t, cistern.url, warm, 'REVALIDATED');
  const requests = upstream.requests();
  assert.ok(requests.length > 0);
  for (const { method, path } of requests) assert.equal(`${method} ${path}`, `HEAD /v2/${repository}/manifests/latest`);
});

test('a repository that registry:2 did not have cannot read its blobs', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const warm = await fillByDockerRegistry(upstream, rootDirectory);
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream) });
  upstream.addImage('library/other', { tag: 'latest' });
  for (const digest of warm.blobs.keys()) {
    const { status } = await sendRequest(`${cistern.url}/v2/library/other/blobs/${digest}`);
    assert.equal(status, 404);
  }
  for (const { digest } of warm.images) {
    const { status } = await sendRequest(`${cistern.url}/v2/library/other/manifests/${digest}`, { headers: accept });
    assert.equal(status, 404);
  }
});
