// Runs the conformance suite of the index on a Redis Cluster of three masters and their replicas.
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { describeCacheIndex } from '@cistern/index/conformance';
import { startRedisCluster, type RedisCluster } from '@cistern/test-servers';
import { openUnderTest } from './open-under-test.ts';

let cluster: RedisCluster;

before(async () => {
  cluster = await startRedisCluster();
});
after(() => cluster.close());

describeCacheIndex(
  'redis cluster',
  async (t) => {
    t.after(() => cluster.thaw());
    const { index } = await openUnderTest(t, { kind: 'cluster', nodes: cluster.addresses.slice(0, 2) });
    return {
      index,
      now: Date.now,
      // real-time: records expire by the clock of Redis
      advance: async (ms) => delay(ms + 5),
      fail: async () => cluster.freeze(),
    };
  },
  { isShared: true },
);
