import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { killFillingWorker } from '../src/worker-is-killed.ts';

const rig = await openClusterRig({ after });
const mebibyte = 1024 * 1024;

test('at half of a fill: everybody gets the rest from another worker, on the same connection', async (t) => {
  const { longestPauseMs, sentByUpstream } = await killFillingWorker(t, rig, { seed: 1 });
  t.diagnostic(`longest pause ${longestPauseMs} ms, ${sentByUpstream.toFixed(2)} times the blob from upstream`);
  for (const r of rig.upstream.requests({ endpoint: 'blob' }))
    console.log(
      r.method,
      r.range,
      r.status,
      r.bytesSent / mebibyte,
      r.outcome,
      r.startedAtMs % 100000,
      (r.endedAtMs ?? 0) % 100000,
    );
  assert.ok(sentByUpstream < 1.6, `upstream has sent ${sentByUpstream} times the blob`);
  // Six seconds in the long suite; other tests run beside this one.
  assert.ok(longestPauseMs < 15_000, `a client has waited for ${longestPauseMs} ms`);
});

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
