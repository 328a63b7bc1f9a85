// Tests a cache that cannot reach its upstreams from start to stop: nothing waits for them.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { freePort } from '@cistern/test-servers';
import { assertRefused } from '../src/assert-refused.ts';
import { type Owner, openCistern, openDirectory, openProcess, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';

/** Accepts connections and never answers. */
async function openBlackHole(t: TestContext): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

/** Creates a directory in which an image of docker.io and one of quay.io are cached. */
async function warmDirectory(owner: Owner) {
  const rootDirectory = await openDirectory(owner);
  const upstream = await startFakeUpstream();
  const image = upstream.addImage('library/app', { tag: 'latest' });
  const { url } = upstream;
  const cistern = await openCistern(owner, {
    rootDirectory,
    config: { upstreams: { 'docker.io': { url }, 'quay.io': { url } } },
  });
  for (const prefix of ['docker.io/', 'quay.io/']) {
    await sendRequest(`${cistern.url}/v2/${prefix}library/app/manifests/latest`);
    await sendRequest(`${cistern.url}/v2/${prefix}library/app/tags/list`);
    for (const { digest } of [image.config, ...image.layers])
      assert.equal((await sendRequest(`${cistern.url}/v2/${prefix}library/app/blobs/${digest}`)).status, 200);
  }
  await cistern.stop();
  await upstream.close();
  return { rootDirectory, image };
}

test('a cache with unreachable upstreams starts, serves cached content, rejects other requests, and stops', async (t) => {
  const { rootDirectory, image } = await warmDirectory(t);
  const silent = await openBlackHole(t);
  const cistern = await openProcess(t, {
    rootDirectory,
    config: {
      upstreams: {
        'docker.io': { url: `http://127.0.0.1:${await freePort()}`, ttl: '0s' },
        'quay.io': { url: silent, ttl: '0s' },
        'ghcr.io': { url: 'http://no-such-host.invalid' },
      },
    },
  });
  const get = (path: string) => sendRequest(`${cistern.url}/v2/${path}`);
  assert.equal((await get('')).status, 200);
  assert.equal((await sendRequest(`${cistern.metricsUrl}/readyz`)).status, 200);
  const pull = async (name: string) => {
    const manifest = await get(`${name}/manifests/latest`);
    assert.deepEqual([manifest.status, manifest.headers['x-cache']], [200, 'STALE'], name);
    assert.match(String(manifest.headers['warning']), /^110 .+, 111 /);
    assert.equal(manifest.headers['docker-content-digest'], image.digest);
    for (const { digest } of [image.config, ...image.layers])
      assert.equal((await get(`${name}/blobs/${digest}`)).status, 200);
  };
  await Promise.all([pull('library/app'), pull('quay.io/library/app')]);
  const list = await get('library/app/tags/list');
  assert.deepEqual([list.status, list.headers['x-cache']], [200, 'STALE']);
  for (const path of ['library/app/manifests/other', 'ghcr.io/library/app/manifests/latest'])
    assertRefused(await get(path), 503, 'UNAVAILABLE', path);

  // A request that waits for a silent upstream does not delay the stop.
  const waiting = get('quay.io/library/app/manifests/other').catch(() => undefined);
  const { code } = await cistern.stop();
  assert.equal(code, 0);
  await waiting;
});

test('a cache that is configured offline sends no requests and reports that it is offline', async (t) => {
  const { rootDirectory, image } = await warmDirectory(t);
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const { url } = upstream;
  const cistern = await openCistern(t, {
    rootDirectory,
    config: {
      offline: true,
      upstreams: { 'docker.io': { url, ttl: '0s' }, 'quay.io': { url, offline: false, ttl: '0s' } },
    },
  });
  for (const method of ['HEAD', 'GET']) {
    const manifest = await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`, { method });
    assert.deepEqual([manifest.status, manifest.headers['x-cache']], [200, 'STALE']);
    assert.match(String(manifest.headers['warning']), /^110 .+, 112 /);
    assert.equal(manifest.headers['docker-content-digest'], image.digest);
  }
  assertRefused(await sendRequest(`${cistern.url}/v2/library/app/manifests/other`), 503, 'UNAVAILABLE');
  assert.equal(upstream.count(), 0);
  const elsewhere = await sendRequest(`${cistern.url}/v2/quay.io/library/app/manifests/latest`);
  assert.equal(elsewhere.headers['x-cache'], 'REVALIDATED');
  const metrics = await (await fetch(`${cistern.metricsUrl}/metrics`)).text();
  assert.match(metrics, /^cistern_stale_answers_total\{upstream="docker.io",reason="offline"\} 2$/m);
  assert.match(metrics, /^cistern_upstream_offline\{upstream="docker.io"\} 1$/m);
});
