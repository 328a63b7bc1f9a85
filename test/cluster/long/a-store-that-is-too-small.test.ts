// The working set is three times the capacity of the store. A larger version is `npm test --
// test/cluster/big/a-store-that-is-too-small.test.ts`.
import { test } from 'node:test';
import { assertKept } from '../src/thrash-store.ts';
import { thrashCluster } from '../src/thrash-cluster.ts';
import { thrashSingle } from '../src/thrash-single.ts';

const mebibyte = 1024 * 1024;
const plan = {
  seed: 5,
  maxBytes: 256 * mebibyte,
  workingBytes: 768 * mebibyte,
  largestBytes: 3 * mebibyte,
  clients: 6,
  forMs: 30_000,
};

test('a working set streams through a store on a disk that is too small', async (t) => {
  const thrashed = await thrashSingle(t, plan);
  t.diagnostic(JSON.stringify(thrashed));
  assertKept(thrashed, plan);
});

test('a working set streams through a bucket that is too small', async (t) => {
  const thrashed = await thrashCluster(t, plan);
  t.diagnostic(JSON.stringify(thrashed));
  assertKept(thrashed, plan);
});
