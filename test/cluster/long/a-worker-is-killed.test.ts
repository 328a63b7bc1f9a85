// The bars for a `kill -9`, on a machine that does nothing else.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { killFillingWorker } from '../src/worker-is-killed.ts';

const rig = await openClusterRig({ after });

test('at half of a fill, again and again: less than six seconds for everybody, and 1.6 times the blob', async (t) => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const { longestPauseMs, sentByUpstream } = await killFillingWorker(t, rig, { seed, size: 256 * 1024 * 1024 });
    t.diagnostic(`longest pause ${longestPauseMs} ms, ${sentByUpstream.toFixed(2)} times the blob from upstream`);
    assert.ok(sentByUpstream < 1.6, `upstream has sent ${sentByUpstream} times the blob`);
    assert.ok(longestPauseMs < 6_000, `a client has waited for ${longestPauseMs} ms`);
  }
});
