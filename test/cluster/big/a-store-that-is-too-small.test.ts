// Streams a working set of 6 GiB through a store of 2 GiB for minutes. The machine should do nothing else.
import { test } from 'node:test';
import { assertKept } from '../src/thrash-store.ts';
import { thrashSingle } from '../src/thrash-single.ts';

const gibibyte = 1024 ** 3;
const plan = {
  seed: 7,
  maxBytes: 2 * gibibyte,
  workingBytes: 6 * gibibyte,
  largestBytes: 64 * 1024 * 1024,
  clients: 12,
  forMs: 300_000,
};

test('a working set of 6 GiB streams through a store of 2 GiB for five minutes', async (t) => {
  const thrashed = await thrashSingle(t, plan);
  t.diagnostic(JSON.stringify(thrashed));
  assertKept(thrashed, plan);
});
