// Counts the commands that an idle cluster of two frontends and two workers sends to Redis.
// real-time: commands that nodes send on their own are counted while time passes
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startRedis, startRedisCluster, type RedisProcess } from '@cistern/test-servers';
import { countCommands, describeCommands } from './count-commands.ts';
import { startNodes } from './start-nodes.ts';

const size = { frontends: 2, workers: 2 };
/** Covers the work that nodes do at startup. */
const settleMs = 6_000;
const countedSeconds = 20;

test('an idle cluster sends at most 40 commands a second to Redis', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  await startNodes(t, { ...size, redis: [`${redis.host}:${redis.port}`] });
  await assertIdle(t, [redis], 40);
});

test('an idle cluster sends at most 100 commands a second to a Redis Cluster', async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.close());
  await startNodes(t, { ...size, redis: cluster.addresses.map(({ host, port }) => `${host}:${port}`) });
  await assertIdle(t, cluster.nodes.slice(0, 3), 100);
});

async function assertIdle(t: TestContext, servers: readonly RedisProcess[], perSecond: number): Promise<void> {
  await delay(settleMs);
  const counted = await countCommands(servers, countedSeconds);
  const table = describeCommands(counted);
  t.diagnostic(table);
  assert.ok(counted.commands / counted.seconds <= perSecond, table);
}
