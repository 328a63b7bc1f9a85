// A frontend ends while clients read through it by way of haproxy. After a kill, its clients resume at other frontends
// with a Range, and no other client notices. After SIGTERM, no client notices.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { type HerdPlan, startHerd } from '@cistern/herds';
import { assertAllRight } from '../src/assert-all-right.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { readMetric } from '../src/read-metric.ts';
import { startHalfway } from '../src/start-halfway.ts';
import { startSteadyLoad } from '../src/start-steady-load.ts';

// Longer than the reads here take on a slow machine. Frontends end as soon as their clients have ended.
const rig = await openClusterRig({ after }, { cluster: { config: { http: { draintimeout: '50s' } } } });
const { upstream, cluster, urlOf } = rig;
const [frontend] = cluster.frontends;
assert.ok(frontend);
const requestsInFlight = () => readMetric([frontend], 'cistern_requests_in_flight');
const mebibyte = 1024 * 1024;

test('a frontend is killed during a fill: its clients resume, and other clients do not notice', async (t) => {
  const { plan, herd, gate, digest } = await startHalfway(t, rig, { seed: 1, resume: true });
  const affected = await requestsInFlight();
  assert.ok(
    affected > 0 && affected < plan.clients,
    `${affected} of ${plan.clients} clients read through the frontend`,
  );
  await frontend.kill();
  gate.release();
  const ends = await herd.ended();
  assertAllRight(ends, plan);
  assert.equal(ends.filter(({ resumed }) => resumed > 0).length, affected);
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
  await frontend.start();
  await until('haproxy uses it again', async () => (await cluster.haproxy.frontendStates())[0] === 'UP', 30_000);
});

test('a terminated frontend completes its responses, and new pulls use other frontends', async (t) => {
  const [size, seed, clients] = [16 * mebibyte, 2, 24];
  const { digest } = upstream.addBlob('library/app', { size, seed });
  const slow = Object.fromEntries(
    Array.from({ length: clients }, (_, client) => [client, { bytesPerSecond: 1_000_000 }]),
  );
  const url = urlOf(`library/app/blobs/${digest}`);
  const plan: HerdPlan = { url, size, seed, clients, special: slow, progressBytes: mebibyte };
  const herd = startHerd(plan);
  t.after(() => herd.close());
  await herd.until((events) => new Set(events.map(({ client }) => client)).size === clients);
  assert.ok((await requestsInFlight()) > 0, 'clients read through the frontend');
  const load = await startSteadyLoad(rig);
  t.after(() => load.stop());
  const stopped = frontend.stop();
  await until(
    'haproxy sends no client there',
    async () => (await cluster.haproxy.frontendStates())[0] !== 'UP',
    30_000,
  );
  herd.hurry();
  assertAllRight(await herd.ended(), plan);
  assert.deepEqual(await stopped, { code: 0, signal: null });
  assert.deepEqual((await load.stop()).failures, []);
  await frontend.start();
});
