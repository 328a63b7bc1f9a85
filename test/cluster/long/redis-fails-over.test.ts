import { test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { startRedisCluster, startRedisSentinel } from '@cistern/test-servers';
import { surviveFailOver } from '../src/fail-over.ts';

const tookOverWithinMs = 60_000;

test('a killed master of a Redis Cluster is replaced by its replica, and clients notice nothing', async (t) => {
  const redis = await startRedisCluster({ nodeTimeoutMs: 3000 });
  t.after(() => redis.close());
  const [master, replica] = [redis.nodes[0]!, redis.nodes[3]!];
  const isMaster = async () => (await replica.command('INFO', 'replication')).includes('role:master');
  await surviveFailOver(t, {
    redis: { addrs: redis.addresses.map(({ host, port }) => `${host}:${port}`) },
    async failOver() {
      await master.kill();
      await until('the replica is master', isMaster, tookOverWithinMs);
    },
  });
});

test('a killed master under Sentinel is replaced by its replica, and clients notice nothing', async (t) => {
  const redis = await startRedisSentinel({ sentinels: 3 });
  t.after(() => redis.close());
  const isOther = async () => (await redis.masterPort()) === redis.replica.port;
  await surviveFailOver(t, {
    redis: { addrs: redis.addresses.map(({ host, port }) => `${host}:${port}`), mastername: redis.name },
    async failOver() {
      await redis.master.kill();
      await until('the replica is master', isOther, tookOverWithinMs);
    },
  });
});
