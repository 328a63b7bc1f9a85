// Restarts every process of a cluster, one after the other, behind haproxy. Meanwhile skopeo, podman and containerd
// pull, and a test client checks every byte: no pull fails. Then Redis fails over through Sentinel: no pull of cached
// content fails.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { startAdminNode, startRedisSentinel } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullContinuously } from '../src/pull-continuously.ts';
import { pullImage } from '../src/pull.ts';
import { startClientLoad } from '../src/start-client-load.ts';
import { startSteadyLoad } from '../src/start-steady-load.ts';
import { unexpectedErrors } from '../src/unexpected-errors.ts';

const tookOverWithinMs = 60_000;

test('no pull fails while every process is restarted', async (t) => {
  const redis = await startRedisSentinel({ sentinels: 3 });
  t.after(() => redis.close());
  const rig = await openClusterRig(t, {
    cluster: {
      config: {
        // Tags are confirmed every second, so warm pulls need workers too.
        upstreams: { 'docker.io': { ttl: '1s' } },
        redis: { addrs: redis.addresses.map(({ host, port }) => `${host}:${port}`), mastername: redis.name },
      },
    },
  });
  const { cluster, nodes, upstream } = rig;
  const admin = await startAdminNode(cluster);
  t.after(() => admin.stop());
  const clients = await startClientLoad(rig);
  t.after(() => clients.stop());
  const load = await startSteadyLoad(rig);
  t.after(() => load.stop());
  const allUp = async () => (await cluster.haproxy.frontendStates()).every((state) => state === 'UP');

  for (const node of [...nodes, admin]) {
    assert.deepEqual(await node.stop(), { code: 0, signal: null }, node.name);
    await node.start();
    await until(`haproxy uses every frontend again after ${node.name}`, allUp, 120_000);
  }
  const checked = await load.stop();
  assert.deepEqual(checked.failures, []);
  const gets = Map.groupBy(upstream.requests({ method: 'GET', endpoint: 'blob', status: 200 }), ({ digest }) => digest);
  const twice = [...gets].filter(([, requests]) => requests.length > 1).map(([digest]) => digest);
  assert.deepEqual(twice, []);

  const image = upstream.addImage('library/warm', { tag: 'latest', seed: 'warm' });
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'latest' });
  await clients.onlyWarm();
  const warm = pullContinuously({ clients: 4, at: [cluster], images: [image], tagOf: () => 'latest' });
  const [sentinel] = redis.sentinels;
  const isMaster = (port: number) => async () => (await redis.masterPort()) === port;
  await sentinel!.command('SENTINEL', 'FAILOVER', redis.name);
  await until('the replica is master', isMaster(redis.replica.port), tookOverWithinMs);
  await redis.master.stop();
  await redis.master.start();
  const isBack = async () => (await redis.replica.command('INFO', 'replication')).includes('connected_slaves:1');
  await until('the old master follows the new one', isBack, tookOverWithinMs);
  await warm.stop();
  assert.deepEqual([...new Set(warm.pulled.map(({ status }) => status))], [200]);
  for (const one of redis.sentinels) {
    await one.stop();
    await one.start();
  }

  const { pulls, failures } = await clients.stop();
  t.diagnostic(`${checked.pulls} pulls by the test client, and ${JSON.stringify(pulls)}`);
  assert.deepEqual(failures, []);
  assert.deepEqual(Object.keys(pulls).toSorted(), ['containerd', 'podman', 'skopeo']);
  assert.deepEqual(unexpectedErrors([...nodes, admin]), []);
});
