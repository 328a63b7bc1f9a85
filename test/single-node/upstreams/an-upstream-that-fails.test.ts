// Tests responses while an upstream is unavailable, rejects requests, or rejects our credentials.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnoseTime } from '@cistern/test-servers';
import { assertRefused } from '../src/assert-refused.ts';
import { cacheOf, openCistern, openStage, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

test('cached content is served and other requests fail fast while an upstream refuses connections', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const image = upstream.addImage('library/app', { tag: 'latest' });
  const layer = image.layers[0]!;
  const manifest = `${cistern.url}/v2/library/app/manifests/latest`;
  await sendRequest(manifest);
  await sendRequest(`${cistern.url}/v2/library/app/blobs/${layer.digest}`);
  await upstream.refuseConnections();

  for (const method of ['GET', 'HEAD']) {
    const stale = await sendRequest(manifest, { method });
    assert.equal(stale.status, 200);
    assert.equal(stale.headers['x-cache'], 'STALE');
    assert.match(String(stale.headers['warning']), /^110 /);
    assert.equal(stale.headers['docker-content-digest'], image.digest);
  }
  assert.equal((await sendRequest(`${cistern.url}/v2/library/app/blobs/${layer.digest}`)).status, 200);
  assert.equal((await sendRequest(`${cistern.url}/v2/`)).status, 200);

  for (const path of [
    'library/app/manifests/other',
    `library/app/blobs/${image.config.digest}`,
    'library/app/tags/list',
  ])
    for (const prefix of ['', 'docker.io/'])
      await diagnoseTime(t, prefix + path, async () =>
        assertRefused(await sendRequest(`${cistern.url}/v2/${prefix}${path}`), 503, 'UNAVAILABLE', path),
      );

  await upstream.acceptConnections();
  await until('the upstream is queried again', async () => {
    const answer = await sendRequest(`${cistern.url}/v2/library/app/blobs/${image.config.digest}`);
    return answer.status === 200;
  });
});

test('cached content is served while an upstream answers 500, 503 or 429', async (t) => {
  const { upstream, cistern } = await openStage(t);
  // A failure is remembered for its repository, so each status has its own.
  for (const status of [500, 503, 429]) {
    const repository = `library/app-${status}`;
    const url = `${cistern.url}/v2/${repository}/manifests`;
    upstream.addImage(repository, { tag: 'latest' });
    await sendRequest(`${url}/latest`);
    const fault = upstream.addFault({ endpoint: 'manifest', repository }, { status });
    assert.equal((await sendRequest(`${url}/latest`)).headers['x-cache'], 'STALE', String(status));
    assertRefused(await sendRequest(`${url}/other`), 503, 'UNAVAILABLE');
    fault.remove();
  }
  const headers = { 'retry-after': '60' };
  const throttled = upstream.addFault({ endpoint: 'manifest' }, { status: 429, headers });
  const byPrefix = await sendRequest(`${cistern.url}/v2/docker.io/library/app/manifests/throttled`);
  assertRefused(byPrefix, 429, 'TOOMANYREQUESTS');
  assert.ok(Number(byPrefix.headers['retry-after']) >= 1);
  throttled.remove();
});

test('missing content is a 404, and is served as soon as upstream has it', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const image = upstream.addImage('library/app', { tag: 'latest' });
  const get = (path: string) => sendRequest(`${cistern.url}/v2/${path}`);
  const unknown = `sha256:${'0'.repeat(64)}`;
  assertRefused(await get('library/app/manifests/missing'), 404, 'MANIFEST_UNKNOWN');
  assertRefused(await get(`library/app/manifests/${unknown}`), 404, 'MANIFEST_UNKNOWN');
  assertRefused(await get(`library/app/blobs/${unknown}`), 404, 'BLOB_UNKNOWN');
  assertRefused(await get('library/missing/manifests/latest'), 404, 'NAME_UNKNOWN');
  assertRefused(await get('library/missing/tags/list'), 404, 'NAME_UNKNOWN');

  // Simulates a push after a failed pull.
  await get('library/app/manifests/v2');
  upstream.setTag('library/app', 'v2', image.digest);
  const forced = await sendRequest(`${cistern.url}/v2/library/app/manifests/v2`, {
    headers: { 'cache-control': 'no-cache' },
  });
  assert.equal(forced.status, 200);

  // The upstream deletes the tag; the cached image stays.
  upstream.deleteTag('library/app', 'v2');
  const kept = await get('library/app/manifests/v2');
  assert.equal(kept.status, 200);
  assert.equal(kept.headers['x-cache'], 'STALE');
});

test("Docker Hub's 401 for a repository that is missing is a 404", async (t) => {
  const { upstream, cistern } = await openStage(t, { auth: { kind: 'bearer' }, missingRepository: 401 });
  upstream.addImage('library/app', { tag: 'latest' });
  assert.equal((await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`)).status, 200);
  assertRefused(await sendRequest(`${cistern.url}/v2/library/missing/manifests/latest`), 404, 'NAME_UNKNOWN');
  assertRefused(
    await sendRequest(`${cistern.url}/v2/library/missing/blobs/sha256:${'0'.repeat(64)}`),
    404,
    'NAME_UNKNOWN',
  );
});

for (const kind of ['basic', 'bearer'] as const)
  test(`credentials that upstream (${kind}) rejects are reported as our mistake, not the client's`, async (t) => {
    const upstream = await openUpstream(t, { auth: { kind, accounts: [{ username: 'robot', password: 'right' }] } });
    upstream.addImage('library/app', { tag: 'latest' });
    const wrong = await openCistern(t, {
      config: cacheOf(upstream, { username: 'robot', password: 'wrong' }),
    });
    const answer = await sendRequest(`${wrong.url}/v2/library/app/manifests/latest`, {
      headers: { authorization: `Basic ${Buffer.from('robot:right').toString('base64')}` },
    });
    assertRefused(answer, 502, 'UNAVAILABLE');
    assert.equal(answer.headers['www-authenticate'], undefined);
    const correct = await openCistern(t, {
      config: cacheOf(upstream, { username: 'robot', password: 'right' }),
    });
    assert.equal((await sendRequest(`${correct.url}/v2/library/app/manifests/latest`)).status, 200);
    upstream.auth.refuseCredentials(true);
    upstream.auth.expireTokens();
    const stale = await sendRequest(`${correct.url}/v2/library/app/manifests/latest`);
    assert.equal(stale.status, 200);
    assert.equal(stale.headers['x-cache'], 'STALE');
  });
