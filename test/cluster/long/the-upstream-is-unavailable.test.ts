// The upstream of a whole cluster accepts all requests and answers none. This happens under a load of clients that pull
// cached images, and during the restart of every node.
// real-time: prints response times under load; nothing asserts them
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { createGate } from '@cistern/fake-upstream';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullContinuously } from '../src/pull-continuously.ts';
import { pullImage, tryPull } from '../src/pull.ts';
import { readMetric } from '../src/read-metric.ts';
import { unexpectedErrors } from '../src/unexpected-errors.ts';

const repository = 'library/app';
const clients = 100;
/** The pause between two pulls of a client. Two cores serve this load without queues. */
const pauseMs = 4_000;
const windowMs = 15_000;
const changesWithinMs = 60_000;

// Tags are due after a second, so most pulls need a worker.
const rig = await openClusterRig(
  { after },
  { cluster: { config: { upstreams: { 'docker.io': { ttl: '1s', timeouts: { silence: '2s' } } } } } },
);
const { upstream, cluster, nodes, urlOf } = rig;
const images = Array.from({ length: 20 }, (_, at) =>
  upstream.addImage(repository, { tag: `v${at}`, seed: `v${at}`, layers: [{ size: 20_000, seed: at }] }),
);
const tagOf = (image: (typeof images)[number]) => `v${images.indexOf(image)}`;

function fallSilent() {
  const gate = createGate();
  const fault = upstream.addFault({}, { gate, gateHeaders: true });
  return () => {
    fault.remove();
    gate.release();
  };
}

async function states(): Promise<number[]> {
  return Promise.all(cluster.workers.map((worker) => readMetric([worker], 'cistern_upstream_endpoint_state')));
}

test('clients get cached images while the upstream is silent, and workers use it again once it responds', async (t) => {
  for (const image of images) await pullImage({ at: cluster, image, tag: tagOf(image) });
  const load = pullContinuously({ clients, at: [cluster], images, tagOf, pauseMs });
  t.after(() => load.stop());
  const p99Of = async (): Promise<number> => {
    const from = performance.now();
    await delay(windowMs);
    const times = () => load.pulled.filter(({ beganAtMs }) => beganAtMs >= from).map(({ slowestMs }) => slowestMs);
    await until('at least one pull for each client', () => times().length >= clients, changesWithinMs);
    const took = times();
    return took.toSorted((one, other) => one - other)[Math.floor(took.length * 0.99)]!;
  };
  await delay(pauseMs);
  const before = await p99Of();
  assert.deepEqual(await states(), [0, 0]);

  const respond = fallSilent();
  t.after(respond);
  await until(
    'the circuit breaker of every worker is open',
    async () => !(await states()).includes(0),
    changesWithinMs,
  );
  const during = await p99Of();
  t.diagnostic(`p99 ${Math.round(before)} ms before, and ${Math.round(during)} ms while the circuit breaker is open`);
  const stale = await sendRequest(urlOf(`${repository}/manifests/v0`));
  assert.deepEqual([stale.status, stale.headers['x-cache']], [200, 'STALE']);

  respond();
  await until(
    'the circuit breaker of every worker is closed',
    async () => (await states()).every((state) => state === 0),
    changesWithinMs,
  );
  for (const image of images)
    await until(
      'tags are confirmed again',
      async () => {
        const answer = await sendRequest(urlOf(`${repository}/manifests/${tagOf(image)}`));
        return answer.headers['x-cache'] !== 'STALE';
      },
      changesWithinMs,
    );
  await load.stop();
  assert.deepEqual([...new Set(load.pulled.map(({ status }) => status))], [200]);
  t.diagnostic(`${load.pulled.length} pulls, the slowest response took ${slowest(load.pulled)} ms`);
  assert.deepEqual(unexpectedErrors(nodes), []);
});

function slowest(pulled: readonly { readonly slowestMs: number }[]): number {
  return Math.round(Math.max(...pulled.map(({ slowestMs }) => slowestMs)));
}

test('every node restarts without the upstream, and cached content is served meanwhile', async (t) => {
  const cold = upstream.addImage(repository, { tag: 'cold', seed: 'cold' });
  t.after(fallSilent());
  const load = pullContinuously({ clients: 10, at: [cluster], images, tagOf, pauseMs: 200 });
  t.after(() => load.stop());
  for (const node of nodes) {
    assert.deepEqual(await node.stop(), { code: 0, signal: null }, node.name);
    await node.start();
    const at = node.kind === 'frontend' ? node : cluster;
    for (const image of images.slice(0, 3)) await pullImage({ at, image, tag: tagOf(image) });
    assert.equal((await sendRequest(urlOf('', node.kind === 'frontend' ? node : cluster))).status, 200);
    await until(
      'haproxy uses it again',
      async () => (await cluster.haproxy.frontendStates()).every((state) => state === 'UP'),
      changesWithinMs,
    );
  }
  const sentAtMs = performance.now();
  const { status } = await tryPull({ at: cluster, image: cold, tag: 'cold' });
  assert.match(String(status), /^50[34]$/);
  t.diagnostic(`the pull of an image that is not cached failed after ${Math.round(performance.now() - sentAtMs)} ms`);
  await load.stop();
  assert.deepEqual([...new Set(load.pulled.map((pulled) => pulled.status))], [200]);
});
