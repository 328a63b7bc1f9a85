// Sends SIGTERM while a herd follows the worker's fill. Fills that fit into the grace period end on this worker, and
// the rest is handed over. Clients notice at most a pause, and nothing is fetched twice.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { digestOf } from '@cistern/oci';
import { assertAllRight } from '../src/assert-all-right.ts';
import { loggedAt } from '../src/logged-at.ts';
import { longestPause } from '../src/longest-pause.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { oneConnection, startHalfway } from '../src/start-halfway.ts';

// A fill that can end has half of the drain timeout before the rest is handed over.
const rig = await openClusterRig(
  { after },
  { cluster: { config: { upstreams: oneConnection, http: { draintimeout: '30s' } } } },
);
const { upstream, nodes, urlOf } = rig;

/** Pulls a blob that no client has requested yet, from a worker that still takes jobs. */
async function pullSomethingCold(seed: string): Promise<void> {
  const { digest } = upstream.addBlob('library/app', { size: 2_000_000, seed });
  assert.equal(digestOf((await sendRequest(urlOf(`library/app/blobs/${digest}`))).body), digest);
}

test('a fill that cannot end within the grace period is handed over', async (t) => {
  const { plan, herd, filling, gate, digest, sentByUpstream } = await startHalfway(t, rig, { seed: 1 });
  const stopped = filling.stop();
  await pullSomethingCold('while it is handed over');
  assert.deepEqual(await stopped, { code: 0, signal: null });
  const ends = await herd.ended();
  assertAllRight(ends, plan);
  gate.release();
  t.diagnostic(`longest pause ${longestPause(ends, plan)} ms, ${sentByUpstream().toFixed(3)} times the blob`);
  assert.ok(sentByUpstream() < 1.1, `the upstream has sent ${sentByUpstream()} times the blob`);
  assert.equal(upstream.count({ digest, method: 'GET' }), 2);
  await filling.start();
});

test('a fill that can end within the grace period ends on its worker', async (t) => {
  const { plan, herd, filling, gate, digest, sentByUpstream } = await startHalfway(t, rig, { seed: 2 });
  const stopped = filling.stop();
  const pulling = pullSomethingCold('while it ends');
  gate.release();
  const [ends] = await Promise.all([herd.ended(), pulling]);
  assertAllRight(ends, plan);
  assert.deepEqual(await stopped, { code: 0, signal: null });
  assert.equal(sentByUpstream(), 1);
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
  await filling.start();
});

test('no node has logged an error', () => {
  assert.deepEqual([...loggedAt('error', nodes), ...loggedAt('fatal', nodes)], []);
});
