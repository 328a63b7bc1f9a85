import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { until } from '@cistern/runtime/testing';
import type { Nodes, Prewarm, Upkeep } from '@cistern/operations';
import { buildAdmin } from './build-admin.ts';
import { type AdminServerOptions, buildAdminServer } from './build-admin-server.ts';
import { accessOfTest } from './testing/access-of-test.ts';
import { optionsOfTest } from './testing/options-of-test.ts';

test('the admin node returns its version and health, and its metrics count cached blobs', async (t) => {
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
  const node = await buildAdmin(openLiveConfig(config).config, {
    log,
    metrics: createMetrics(),
    env: {},
    version: '1.2.3',
  });
  t.after(() => node.close(0));
  const { clients, debug } = await node.listen();
  const get = async (where: typeof clients, path: string) => {
    const { status, text } = await fetch(`http://127.0.0.1:${where?.kind === 'tcp' ? where.port : 0}${path}`).then(
      async (answer) => ({ status: answer.status, text: await answer.text() }),
    );
    assert.equal(status, 200);
    return text;
  };
  assert.partialDeepStrictEqual(JSON.parse(await get(clients, '/')), {
    version: '1.2.3',
    healthy: true,
    parts: { index: 'ok', store: 'ok', workers: 'ok', credentials: 'ok', clock: 'ok' },
  });
  assert.partialDeepStrictEqual(JSON.parse(await get(debug, '/readyz')), { ready: true });
  // The node has reported, and the view of the nodes is cached for half a second.
  await until(async () => /^cistern_nodes\{role="admin"\} 1$/m.test(await get(debug, '/metrics')));
  const metrics = await get(debug, '/metrics');
  assert.match(metrics, /^cistern_cached_blobs 0$/m);
  assert.match(metrics, /^cistern_part_up\{part="index"\} 1$/m);
  assert.match(metrics, /^cistern_nodes\{role="worker"\} 0$/m);
});

const nothing: Upkeep = {
  scrubReport: async () => ({ report: null }),
  async evictionPlan() {
    throw new CacheError('index-unavailable', 'Redis is unavailable.');
  },
};

test('a prewarm needs an operator and a valid request', async (t) => {
  const calls: string[] = [];
  const prewarm: Prewarm = async (image, { platforms, onProgress }) => {
    calls.push([image, ...platforms].join(' '));
    onProgress({ blobs: 1, blobsHere: 0, bytes: 7, bytesHere: 3 });
    return { blobs: 1, bytes: 7, fetchedBlobs: 1, fetchedBytes: 7 };
  };
  const post = async (access: AdminServerOptions['access'], payload: object, authorization = '') => {
    const app = buildAdminServer({ ...optionsOfTest, prewarm, upkeep: nothing, access });
    t.after(() => app.close());
    const headers = { authorization };
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/v1/prewarm', headers, payload });
    return [statusCode, body] as const;
  };
  const payload = { image: 'nginx', platforms: ['linux/arm64/v8'] };
  const closed = accessOfTest;
  for (const open of ['nothing', 'read-only'] as const) assert.equal((await post(open, payload))[0], 403);
  assert.equal((await post(closed, payload))[0], 401);
  assert.equal((await post(closed, payload, 'Bearer wrong'))[0], 401);
  for (const wrong of [{}, { image: '' }, { image: 'a', platforms: ['x'] }])
    assert.equal((await post('everything', wrong))[0], 400, JSON.stringify(wrong));
  assert.deepEqual(calls, []);
  const [status, body] = await post(closed, payload, 'Bearer right');
  assert.equal(status, 200);
  assert.deepEqual(calls, ['nginx linux/arm64']);
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

test('an operator reads the scrub report and the eviction plan', async (t) => {
  const victim = { digest: 'sha256:a', size: 7, kind: 'blob', lastPulledAtMs: 5, reason: 'space' };
  const calls: (number | undefined)[] = [];
  const upkeep = {
    scrubReport: nothing.scrubReport,
    async evictionPlan({ downToBytes }: { downToBytes?: number }) {
      calls.push(downToBytes);
      return { bytes: 20, downToBytes: 10, pinned: 1, victims: Readable.from([victim, victim]) };
    },
  } as Upkeep;
  const send = async (given: Upkeep, method: 'GET' | 'POST', url: string, authorization = 'Bearer right') => {
    const app = buildAdminServer({ ...optionsOfTest, upkeep: given, access: accessOfTest });
    t.after(() => app.close());
    const payload = method === 'POST' ? { downToBytes: 10 } : undefined;
    const { statusCode, body } = await app.inject({
      method,
      url,
      headers: { authorization },
      ...(payload && { payload }),
    });
    return [
      statusCode,
      ...body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ];
  };
  for (const [method, url] of [
    ['GET', '/v1/scrub'],
    ['POST', '/v1/eviction/plan'],
  ] as const)
    assert.equal((await send(upkeep, method, url, 'Bearer wrong'))[0], 401);
  assert.deepEqual(await send(upkeep, 'GET', '/v1/scrub'), [200, { report: null }]);
  assert.deepEqual(await send(upkeep, 'POST', '/v1/eviction/plan'), [
    200,
    { plan: { bytes: 20, downToBytes: 10, pinned: 1 } },
    { victim },
    { victim },
    { result: { victims: 2, bytes: 14 } },
  ]);
  assert.deepEqual(calls, [10]);
  assert.deepEqual(await send(nothing, 'POST', '/v1/eviction/plan'), [
    200,
    { error: { message: 'Redis is unavailable.' } },
  ]);
});

const fail = () => Promise.reject(new TypeError('a secret place'));

test('an internal error is logged, and the response does not contain it', async (t) => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const app = buildAdminServer({
    ...optionsOfTest,
    prewarm: fail,
    nodes: { fills: fail } as Partial<Nodes> as Nodes,
    log: createLogger({ level: 'info', formatter: 'json', destination }),
  });
  t.after(() => app.close());
  const message = 'The request failed with an internal error. See the log of this node.';
  assert.deepEqual((await app.inject('/v1/fills')).json(), { message });
  const { body } = await app.inject({ method: 'POST', url: '/v1/prewarm', payload: { image: 'a' } });
  assert.deepEqual(JSON.parse(body), { error: { message } });
  const logged = lines.map((line) => JSON.parse(line) as { readonly level: string; readonly err: { message: string } });
  assert.deepEqual(
    logged.map(({ level, err }) => [level, err.message]),
    [
      ['error', 'a secret place'],
      ['error', 'a secret place'],
    ],
  );
});
