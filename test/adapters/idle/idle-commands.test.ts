// Counts the commands that an idle cluster of two frontends and two workers sends to Redis.
// real-time: commands that nodes send on their own are counted while time passes
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { buildFrontendNode } from '@cistern/frontend';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { freePort, startRedis, startRedisCluster, type RedisProcess } from '@cistern/test-servers';
import { buildWorker } from '@cistern/worker';

const log = createLogger({ level: 'error', formatter: 'json' });
/** Covers the work that nodes do at startup. */
const settleMs = 6_000;
const countedSeconds = 20;

test('an idle cluster sends at most 40 commands a second to Redis', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  await startNodes(t, [`${redis.host}:${redis.port}`]);
  await assertIdle(t, [redis], 40);
});

test('an idle cluster sends at most 100 commands a second to a Redis Cluster', async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.close());
  await startNodes(
    t,
    cluster.addresses.map(({ host, port }) => `${host}:${port}`),
  );
  await assertIdle(t, cluster.nodes.slice(0, 3), 100);
});

async function startNodes(t: TestContext, addresses: readonly string[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-idle-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [build, address] of [
    [buildWorker, 'REGISTRY_WORKER_ADDR'],
    [buildWorker, 'REGISTRY_WORKER_ADDR'],
    [buildFrontendNode, 'REGISTRY_HTTP_ADDR'],
    [buildFrontendNode, 'REGISTRY_HTTP_ADDR'],
  ] as const) {
    const port = await freePort();
    const env = {
      [address]: `127.0.0.1:${port}`,
      REGISTRY_WORKER_ADVERTISE: `http://127.0.0.1:${port}`,
      REGISTRY_REDIS_ADDRS: JSON.stringify(addresses),
      REGISTRY_CLUSTER_SECRET: '0123456789abcdef',
      REGISTRY_HTTP_DEBUG_ADDR: '',
    };
    const config = loadConfig({ env, defaults: { rootDirectory: join(directory, 'store') } });
    const node = await build(openLiveConfig(config).config, { log, metrics: createMetrics(), env: {}, version: '0' });
    t.after(() => node.close(1000));
    await node.listen();
  }
}

/** Counts commands, including those that scripts run. It leaves out the commands between replicas and masters. */
async function countCommands(servers: readonly RedisProcess[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const server of servers)
    for (const [, name = '', calls] of (await server.command('INFO', 'commandstats')).matchAll(
      /^cmdstat_([^:]+):calls=(\d+)/gm,
    ))
      if (name !== 'replconf' && name !== 'info') counts.set(name, (counts.get(name) ?? 0) + Number(calls));
  return counts;
}

async function assertIdle(t: TestContext, servers: readonly RedisProcess[], perSecond: number): Promise<void> {
  await delay(settleMs);
  const before = await countCommands(servers);
  await delay(countedSeconds * 1000);
  const rates = [...(await countCommands(servers))]
    .map(([name, calls]) => ({ name, rate: (calls - (before.get(name) ?? 0)) / countedSeconds }))
    .filter(({ rate }) => rate > 0)
    .toSorted((one, other) => other.rate - one.rate);
  const total = rates.reduce((sum, { rate }) => sum + rate, 0);
  const table = rates.map(({ name, rate }) => `${name} ${rate.toFixed(1)}`).join(', ');
  t.diagnostic(`${total.toFixed(1)} commands a second: ${table}`);
  assert.ok(total <= perSecond, `${total.toFixed(1)} commands a second: ${table}`);
}
