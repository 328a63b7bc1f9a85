import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import { createLogger, createMetrics } from '@cistern/telemetry';
import type { Prewarm } from '@cistern/assembly';
import { buildAdmin } from './build-admin.ts';
import { type AdminServerOptions, buildAdminServer } from './build-admin-server.ts';

test('says which version runs and how the cache is, and counts what is cached', async (t) => {
  const rootDirectory = await mkdtemp(join(tmpdir(), 'cistern-admin-'));
  t.after(() => rm(rootDirectory, { recursive: true, force: true }));
  const address = '127.0.0.1:0';
  const env = {
    REGISTRY_ADMIN_ADDR: address,
    REGISTRY_HTTP_DEBUG_ADDR: address,
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
  };
  const config = loadConfig({ env, defaults: { rootDirectory } });
  const log = createLogger({ level: 'error', formatter: 'json' });
  const node = await buildAdmin(config, { log, metrics: createMetrics(), env: {}, version: '1.2.3' });
  t.after(() => node.close(0));
  const { clients, debug } = await node.listen();
  const get = async (where: typeof clients, path: string) => {
    const { status, text } = await fetch(`http://127.0.0.1:${where?.kind === 'tcp' ? where.port : 0}${path}`).then(
      async (answer) => ({ status: answer.status, text: await answer.text() }),
    );
    assert.equal(status, 200);
    return text;
  };
  assert.deepEqual(JSON.parse(await get(clients, '/')), {
    version: '1.2.3',
    healthy: true,
    parts: { index: 'ok', store: 'ok' },
  });
  assert.partialDeepStrictEqual(JSON.parse(await get(debug, '/readyz')), { ready: true });
  const metrics = await get(debug, '/metrics');
  assert.match(metrics, /^cistern_cached_blobs 0$/m);
  assert.match(metrics, /^cistern_part_up\{part="index"\} 1$/m);
});

test('who may not do more than look is told why, and what is asked for has to make sense', async (t) => {
  const asked: string[] = [];
  const prewarm: Prewarm = async (image, { platforms, onProgress }) => {
    asked.push([image, ...platforms].join(' '));
    onProgress({ blobs: 1, blobsHere: 0, bytes: 7, bytesHere: 3 });
    return { blobs: 1, bytes: 7, fetchedBlobs: 1, fetchedBytes: 7 };
  };
  const post = async (access: AdminServerOptions['access'], payload: object, authorization = '') => {
    const app = buildAdminServer({ version: '', parts: {}, prewarm, access });
    t.after(() => app.close());
    const headers = { authorization };
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/v1/prewarm', headers, payload });
    return [statusCode, body] as const;
  };
  const wish = { image: 'nginx', platforms: ['linux/arm64/v8'] };
  const closed = { authorization: 'Bearer right' };
  assert.equal((await post('nobody', wish))[0], 403);
  assert.equal((await post(closed, wish))[0], 401);
  assert.equal((await post(closed, wish, 'Bearer wrong'))[0], 401);
  for (const wrong of [{}, { image: '' }, { image: 'a', platforms: ['x'] }])
    assert.equal((await post('everybody', wrong))[0], 400, JSON.stringify(wrong));
  assert.deepEqual(asked, []);
  const [status, body] = await post(closed, wish, 'Bearer right');
  assert.equal(status, 200);
  assert.deepEqual(asked, ['nginx linux/arm64']);
  assert.deepEqual(
    body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
    [
      { progress: { blobs: 1, blobsHere: 0, bytes: 7, bytesHere: 3 } },
      { result: { blobs: 1, bytes: 7, fetchedBlobs: 1, fetchedBytes: 7 } },
    ],
  );
});
