// Measures the console with 100,000 images in the index, in Redis and in SQLite. It prints the times, and asserts how many calls
// each response costs the index, because that does not depend on the machine.
// real-time: the figures are printed; nothing asserts them
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { buildConsole } from '@cistern/admin/local';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { loadConfig, openLiveConfig } from '@cistern/config';
import type { CacheIndex } from '@cistern/index';
import { openRedisIndex } from '@cistern/index/redis';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { openOperations } from '@cistern/operations';
import { openDirectory } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { commandTimeoutMs, ensureDebianPackages, startRedis } from '@cistern/test-servers';
import { openBrowser } from '../src/console/open-browser.ts';
import { seedImages } from '../src/console/seed-images.ts';

const images = 100_000;
const rounds = 20;
const log = createLogger({ level: 'error', formatter: 'json' });

/** The responses of all pages, and the most calls of the index for one of them. */
const responses = {
  '/v1/overview': 20,
  '/v1/nodes': 1,
  '/v1/fills': 1,
  '/v1/budget': 1,
  '/v1/history?range=24h': 2,
  '/v1/history?range=30d': 4,
  '/v1/top?limit=6': 2,
  '/v1/images?limit=50': 300,
  '/v1/images?limit=50&upstream=quay.io': 300,
  '/v1/images?limit=50&search=proxy-4': 25_000,
  '/v1/images?limit=50&search=nowhere': 25_000,
  '/v1/images/details?image=nginx:1.0.0': 60,
  '/v1/upstreams': 1,
  '/v1/jobs': 0,
  '/v1/audit?limit=50': 2,
  '/v1/me': 0,
  '/v1/client-setups': 0,
};
const pages = ['', 'in-flight', 'images', 'images/nginx%3A1.0.0', 'upstreams', 'jobs', 'nodes', 'audit', 'connect'];

test('the console with 100,000 images in Redis', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  const calls = { count: 0 };
  const index = await openRedisIndex({
    connection: { kind: 'url', url: redis.url },
    keyPrefix: 'cistern:',
    settleMs: 0,
    commandTimeoutMs: commandTimeoutMs.patient,
    log,
    onCall: () => {
      calls.count += 1;
    },
  });
  t.after(() => index.close());
  await measure(t, index, () => calls.count);
});

test('the console with 100,000 images in SQLite', async (t) => {
  const index = await openSqliteIndex({ path: join(await openDirectory(t), 'index.sqlite'), now: Date.now, log });
  t.after(() => index.close());
  await measure(t, index, () => 0);
});

async function measure(t: TestContext, index: CacheIndex, countCalls: () => number): Promise<void> {
  const store = createMemoryStore();
  await seedImages({ index, store, count: images, nowMs: Date.now() });
  const url = await startConsole(t, index, store);
  for (const [path, mostCalls] of Object.entries(responses)) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = { calls: countCalls(), ms: performance.now() };
      const answer = await fetch(url + path);
      await answer.arrayBuffer();
      assert.equal(answer.status, 200, path);
      times.push(performance.now() - before.ms);
      const calls = countCalls() - before.calls;
      assert.ok(calls <= mostCalls, `${path}: ${calls} calls of the index`);
    }
    t.diagnostic(`${path}: ${describe(times)}`);
  }
  await measurePages(t, url);
}

async function startConsole(t: TestContext, index: CacheIndex, store: ReturnType<typeof createMemoryStore>) {
  const env = { REGISTRY_ADMIN_ADDR: '127.0.0.1:0' };
  const { config } = openLiveConfig(loadConfig({ env, defaults: { rootDirectory: '/nowhere' } }));
  const context = { log, metrics: createMetrics(), env: {}, version: '0' };
  const queues = { queue: {} as never, inspect: async () => [] };
  const parts = {
    ...openOperations(config, { index, store }, queues, log),
    problems: { parts: [], look: async () => [] },
    audit: { request() {}, action() {}, list: async () => ({ entries: [], before: null }), count: undefined },
  };
  const { app } = buildConsole(config, parts, context, 'read-only') ?? assert.fail('no console');
  t.after(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

/** Prints the time from a click to the complete page. */
async function measurePages(t: TestContext, url: string): Promise<void> {
  await ensureDebianPackages(['chromium', 'fonts-dejavu-core']);
  const browser = await openBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${url}/console/`);
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1)
    for (const path of pages) {
      const startedAtMs = performance.now();
      await page.goto(`${url}/console/#/${path}`);
      await page.locator('h1').waitFor();
      await until('the page is complete', async () => (await page.locator('.loading').count()) === 0);
      times.push(performance.now() - startedAtMs);
    }
  t.diagnostic(`pages: ${describe(times)}`);
}

function describe(times: readonly number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]?.toFixed(0);
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms`;
}
