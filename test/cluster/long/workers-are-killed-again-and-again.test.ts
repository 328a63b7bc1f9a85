// Kills a worker with `kill -9` in the middle of a fill, with clients of many kinds, and repeatedly.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { oneConnection } from '../src/start-halfway.ts';
import { killFillingWorker } from '../src/worker-is-killed.ts';

const rig = await openClusterRig({ after }, { cluster: { config: { upstreams: oneConnection } } });
const mebibyte = 1024 * 1024;

test('slow clients, clients that read ahead and clients of ranges survive a killed worker', async (t) => {
  const special = {
    0: { bytesPerSecond: 200_000 },
    1: { bytesPerSecond: 1_000_000 },
    2: { bytesPerSecond: 3_000_000 },
    3: { leavesAfterBytes: 5 * mebibyte },
  };
  const ranges = [
    { from: 0, to: 40 * mebibyte },
    { from: 20 * mebibyte, to: 50 * mebibyte },
    { from: 31 * mebibyte },
    { from: 63 * mebibyte },
  ];
  const { sentByUpstream } = await killFillingWorker(t, rig, { seed: 2, special, ranges });
  // One of the ranges is ahead of the fill and is fetched separately.
  assert.ok(sentByUpstream < 2.1, `the upstream has sent ${sentByUpstream} times the blob`);
});

test('all clients get a large blob despite repeated kills, for at most 1.6 times its size', async (t) => {
  for (let seed = 3; seed <= 7; seed += 1) {
    const { longestPauseMs, sentByUpstream } = await killFillingWorker(t, rig, { seed, size: 256 * mebibyte });
    t.diagnostic(`longest pause ${longestPauseMs} ms, ${sentByUpstream.toFixed(2)} times the blob from upstream`);
    assert.ok(sentByUpstream < 1.6, `the upstream has sent ${sentByUpstream} times the blob`);
  }
});
