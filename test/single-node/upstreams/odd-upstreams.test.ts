// Tests registries that deviate from the specification, and the responses of the cache.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused } from '../src/assert-refused.ts';
import { cacheOf, openCistern, openStage, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';

const warning = '299 - "Moved: pull example.com/app."';

test('tags of a registry that rejects HEAD are confirmed by GET, which also fetches a moved tag', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const first = upstream.addImage('library/app', { tag: 'latest' });
  upstream.addFault({ method: 'HEAD', endpoint: 'manifest' }, { status: 405 });
  const url = `${cistern.url}/v2/library/app/manifests/latest`;
  const head = await sendRequest(url, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers['docker-content-digest']], [200, first.digest]);
  assert.equal((await sendRequest(url)).headers['x-cache'], 'REVALIDATED');
  const second = upstream.addImage('library/app', { tag: 'latest', layers: [Buffer.from('another')] });
  const moved = await sendRequest(url);
  assert.deepEqual([moved.status, moved.headers['docker-content-digest']], [200, second.digest]);
  assert.ok(moved.body.equals(second.bytes));
  const manifests = { endpoint: 'manifest', repository: 'library/app' } as const;
  assert.equal(upstream.count({ ...manifests, method: 'HEAD' }), 1, 'HEAD is not retried');
  assert.equal(upstream.count({ ...manifests, method: 'GET' }), 3, 'one GET for each confirmation');
});

test('a registry with a web page instead of referrers gives a 404, and gets one request', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const { digest } = upstream.addImage('library/app', { tag: 'latest' });
  const headers = { 'content-type': 'text/html' };
  upstream.addFault({ endpoint: 'referrers' }, { status: 200, headers, body: '<html>Packages</html>' });
  for (let clients = 0; clients < 3; clients += 1)
    assertRefused(await sendRequest(`${cistern.url}/v2/library/app/referrers/${digest}`), 404, 'MANIFEST_UNKNOWN');
  assert.equal(upstream.count({ endpoint: 'referrers' }), 1);
});

test('a list of 200,000 tags passes', async (t) => {
  const { upstream, cistern } = await openStage(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const tags = Array.from({ length: 200_000 }, (_, at) => `build-${at}-${'0'.repeat(30)}`);
  upstream.addFault({ endpoint: 'tags' }, { status: 200, body: JSON.stringify({ name: 'library/app', tags }) });
  const answer = await sendRequest(`${cistern.url}/v2/library/app/tags/list`);
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body.toString()), { name: 'library/app', tags });
});

test('a warning of the upstream for users stays with the tag and with lists', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  upstream.addFault({}, { headers: { warning: `${warning}, 110 - "Response is Stale"` } });
  const cistern = await openCistern(t, { config: cacheOf(upstream, { ttl: '1h' }) });
  const get = async (path: string, method = 'GET') => {
    const { headers } = await sendRequest(`${cistern.url}/v2/library/app/${path}`, { method });
    return [headers['x-cache'], headers['warning']];
  };
  for (const path of ['manifests/latest', 'tags/list']) {
    assert.deepEqual(await get(path), ['MISS', warning], path);
    assert.deepEqual(await get(path), ['HIT', warning], path);
  }
  assert.deepEqual(await get('manifests/latest', 'HEAD'), ['HIT', warning]);
  await upstream.refuseConnections();
  const stale = await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`, {
    headers: { 'cache-control': 'no-cache' },
  });
  assert.equal(stale.headers['warning'], `110 - "Response is Stale", 111 - "Revalidation Failed", ${warning}`);
});

test('a manifest above the limit is rejected for HEAD and GET', async (t) => {
  const { upstream, cistern } = await openStage(t);
  upstream.addManifest('library/app', Buffer.alloc(4 * 1024 * 1024 + 1, ' '), {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    tag: 'latest',
  });
  for (const method of ['HEAD', 'GET']) {
    const answer = await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`, { method });
    assert.equal(answer.status, 502, method);
  }
});

test('clients get the time for which a throttling upstream is not queried', async (t) => {
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  upstream.addFault({ endpoint: 'manifest' }, { status: 429, headers: { 'retry-after': '1' } });
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream) } });
  const answer = await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  assertRefused(answer, 503, 'UNAVAILABLE');
  assert.ok(Number(answer.headers['retry-after']) >= 5, String(answer.headers['retry-after']));
});

test('repeated requests for a repository that answers 500 do not affect other repositories', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const healthy = Array.from({ length: 29 }, (_, at) => `library/healthy-${at}`);
  for (const repository of ['library/broken', ...healthy]) upstream.addImage(repository, { tag: 'latest' });
  upstream.addFault({ repository: 'library/broken' }, { status: 500 });
  let isOver = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) await sendRequest(`${cistern.url}/v2/library/broken/manifests/latest`);
  });
  const statuses: number[] = [];
  for (const repository of healthy)
    statuses.push((await sendRequest(`${cistern.url}/v2/${repository}/manifests/latest`)).status);
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual(new Set(statuses), new Set([200]));
});
