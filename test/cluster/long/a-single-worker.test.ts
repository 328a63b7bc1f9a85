// A cluster with one worker, which is restarted while a herd follows its fill. No other worker can take over, so
// clients wait for it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertAllRight } from '../src/assert-all-right.ts';
import { longestPause } from '../src/longest-pause.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { oneConnection, startHalfway } from '../src/start-halfway.ts';

const config = { upstreams: oneConnection, http: { draintimeout: '2s' } };
const rig = await openClusterRig({ after }, { cluster: { frontends: 2, workers: 1, config } });

test('after a graceful restart or a kill the worker sends the rest to all clients', async (t) => {
  for (const [position, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
    const options = { seed: position, clients: 12 };
    const { plan, herd, filling, sentByUpstream } = await startHalfway(t, rig, options);
    await filling.stop(signal);
    await filling.start();
    const ends = await herd.ended();
    assertAllRight(ends, plan);
    // Half of the blob is fetched twice. Each of two aborted requests has sent up to 6 MiB that are not read.
    assert.ok(sentByUpstream() < 1.75, `${signal}: the upstream has sent ${sentByUpstream()} times the blob`);
    t.diagnostic(`${signal}: longest pause ${longestPause(ends, plan)} ms, ${sentByUpstream()} times the blob`);
  }
});
