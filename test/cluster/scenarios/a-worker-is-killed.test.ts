// Kills a worker with `kill -9` in the middle of a fill.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { oneConnection } from '../src/start-halfway.ts';
import { killFillingWorker } from '../src/worker-is-killed.ts';

const rig = await openClusterRig({ after }, { cluster: { config: { upstreams: oneConnection } } });

test('after a kill during a fill all clients get the rest from another worker on the same connection', async (t) => {
  const { longestPauseMs, sentByUpstream } = await killFillingWorker(t, rig, { seed: 1 });
  t.diagnostic(`longest pause ${longestPauseMs} ms, ${sentByUpstream.toFixed(2)} times the blob from upstream`);
  assert.ok(sentByUpstream < 1.6, `the upstream has sent ${sentByUpstream} times the blob`);
});
