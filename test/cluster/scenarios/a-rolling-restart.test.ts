// Restarts every node, one after the other, while clients pull warm and cold images by tag and by digest.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { loggedAt } from '../src/logged-at.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { startSteadyLoad } from '../src/start-steady-load.ts';

// Tags are confirmed every second, so warm pulls need workers too.
const config = { upstreams: { 'docker.io': { ttl: '1s' } } };
const rig = await openClusterRig({ after }, { cluster: { config } });
const { cluster, nodes, upstream } = rig;

test('no pull fails during a rolling restart, and no blob is fetched twice', async (t) => {
  const load = await startSteadyLoad(rig);
  t.after(() => load.stop());
  for (const node of nodes) {
    assert.deepEqual(await node.stop(), { code: 0, signal: null }, node.name);
    await node.start();
    const allUp = async () => (await cluster.haproxy.frontendStates()).every((state) => state === 'UP');
    await until(`haproxy uses every frontend again after ${node.name}`, allUp, 30_000);
  }
  const { pulls, failures } = await load.stop();
  t.diagnostic(`${pulls} pulls`);
  assert.deepEqual(failures, []);
  const gets = Map.groupBy(upstream.requests({ method: 'GET', endpoint: 'blob', status: 200 }), ({ digest }) => digest);
  const twice = [...gets].filter(([, requests]) => requests.length > 1).map(([digest]) => digest);
  assert.deepEqual(twice, []);
  assert.deepEqual([...loggedAt('error', nodes), ...loggedAt('fatal', nodes)], []);
});
