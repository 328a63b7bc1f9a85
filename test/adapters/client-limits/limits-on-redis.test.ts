// Tests client limits that nodes count together, on a single Redis and on a cluster.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openRedisIndex } from '@cistern/index/redis';
import { createClientLimits } from '@cistern/auth/limits';
import type { RedisConnection } from '@cistern/redis';
import { commandTimeoutMs, diagnoseTime, startRedis, startRedisCluster } from '@cistern/test-servers';

const log = { warn() {}, error() {} };
const redis = await startRedis();
after(() => redis.close());
const cluster = await startRedisCluster();
after(() => cluster.close());
const servers: Readonly<Record<string, RedisConnection>> = {
  'one server': { kind: 'standalone', host: redis.host, port: redis.port },
  'a cluster': { kind: 'cluster', nodes: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })) },
};

async function openNode(connection: RedisConnection, keyPrefix: string, timeoutMs: number = commandTimeoutMs.patient) {
  const index = await openRedisIndex({ connection, keyPrefix, commandTimeoutMs: timeoutMs, log });
  const shared = { client: index.client, keyPrefix, commandTimeoutMs: timeoutMs };
  const limits = createClientLimits({ requestsPerMinute: 10, bytesPerDay: 1000, shared, log });
  return { index, limits };
}

for (const [name, connection] of Object.entries(servers))
  test(`${name}: two nodes count the same client together`, async (t) => {
    const nodes = [await openNode(connection, 'together:'), await openNode(connection, 'together:')];
    t.after(() => Promise.all(nodes.map(({ index }) => index.close())));
    const [one, other] = nodes.map(({ limits }) => limits);
    for (let count = 0; count < 5; count += 1)
      for (const limits of [one!, other!]) assert.ok((await limits.admit('ada')).isAdmitted);
    for (const limits of [one!, other!]) assert.ok(!(await limits.admit('ada')).isAdmitted);
    one!.note('bob', 600);
    other!.note('bob', 600);
    let refused = await one!.admit('bob');
    for (let tries = 0; tries < 8 && refused.isAdmitted; tries += 1) refused = await other!.admit('bob');
    assert.ok(!refused.isAdmitted);
    assert.equal(refused.limit, 'bytes');
    assert.ok((await one!.admit('eve')).isAdmitted);
  });

test('all clients are admitted while Redis hangs, and few requests wait for it', async (t) => {
  const { index, limits } = await openNode(servers['one server']!, 'frozen:', commandTimeoutMs.hanging);
  t.after(() => index.close());
  redis.freeze();
  t.after(() => redis.thaw());
  // If each request waited for Redis, the test would hit its time limit.
  await diagnoseTime(t, 'a thousand requests', async () => {
    for (let count = 0; count < 1000; count += 1) assert.ok((await limits.admit('ada')).isAdmitted);
  });
});
