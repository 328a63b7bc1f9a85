// `kill -9` of a worker in the middle of a fill, with clients of many kinds, and again and again.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { killFillingWorker } from '../src/worker-is-killed.ts';

// One connection for each blob: others would bring what the first one is held back from.
const config = { upstreams: { 'docker.io': { connectionsperblob: 1 } } };
const rig = await openClusterRig({ after }, { cluster: { config } });
const mebibyte = 1024 * 1024;

test('clients that are slow, ahead, or want a part are no different', async (t) => {
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
  // One of the ranges was ahead of the fill, and is fetched by itself.
  assert.ok(sentByUpstream < 2.1, `upstream has sent ${sentByUpstream} times the blob`);
});

test('again and again, of a large blob: everybody gets it, by 1.6 times the blob', async (t) => {
  for (let seed = 3; seed <= 7; seed += 1) {
    const { longestPauseMs, sentByUpstream } = await killFillingWorker(t, rig, { seed, size: 256 * mebibyte });
    t.diagnostic(`longest pause ${longestPauseMs} ms, ${sentByUpstream.toFixed(2)} times the blob from upstream`);
    assert.ok(sentByUpstream < 1.6, `upstream has sent ${sentByUpstream} times the blob`);
  }
});
