import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { buildAdmin } from './build-admin.ts';

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
