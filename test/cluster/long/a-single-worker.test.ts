// A cluster with one worker, which is restarted while a herd follows its fill: there is nobody to go on in its place, so
// clients wait for it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertAllRight } from '../src/assert-all-right.ts';
import { longestPause } from '../src/longest-pause.ts';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { startHalfway } from '../src/start-halfway.ts';

const config = { http: { draintimeout: '2s' } };
const rig = await openClusterRig({ after }, { cluster: { frontends: 2, workers: 1, config } });

test('restarted with care, or killed and started again, it brings everybody the rest', async (t) => {
  for (const [position, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
    const options = { seed: position, size: 32 * 1024 * 1024, clients: 12 };
    const { plan, herd, filling, sentByUpstream } = await startHalfway(t, rig, options);
    await filling.stop(signal);
    await filling.start();
    const ends = await herd.ended();
    assertAllRight(ends, plan);
    // Half of it twice, and up to 4 MiB where two requests meet, which is much of so small a blob.
    assert.ok(sentByUpstream() < 1.75, `${signal}: upstream has sent ${sentByUpstream()} times the blob`);
    t.diagnostic(`${signal}: longest pause ${longestPause(ends, plan)} ms, ${sentByUpstream()} times the blob`);
  }
});
