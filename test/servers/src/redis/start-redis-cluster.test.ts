import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisCluster } from './start-redis-cluster.ts';

test('a cluster serves every slot, is replicated, and works again after a stop', async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.close());
  const [first, second] = cluster.nodes;
  assert.ok(first && second);
  assert.match(await first.command('CLUSTER', 'INFO'), /cluster_slots_ok:16384[^]*cluster_size:3/);
  // Hash slot 12182, of the key `foo`, belongs to the third master.
  await assert.rejects(first.command('SET', 'foo', 'bar'), /MOVED 12182/);
  await cluster.nodes[2]?.command('SET', 'foo', 'bar');
  await cluster.stop();
  await assert.rejects(second.command('PING'));
  await cluster.start();
  assert.equal(await cluster.nodes[2]?.command('GET', 'foo'), 'bar');
  await cluster.flushAll();
  assert.equal(await cluster.nodes[2]?.command('DBSIZE'), '0');
});
