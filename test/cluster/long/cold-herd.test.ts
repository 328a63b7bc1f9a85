// The bars for a herd, on a machine that does nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runClusterHerd } from '../src/cold-herd.ts';

test('two hundred clients pull one cold blob of 512 MiB at once from three frontends', async (t) => {
  const figures = await runClusterHerd(t, { size: 512 * 1024 * 1024, maxSentBlobs: 1.5 * 3 });
  t.diagnostic(JSON.stringify(figures));
  const { cold, warm } = figures;
  assert.ok(cold.p50Ms <= warm.p50Ms + 50, `half have their first byte after ${cold.p50Ms} ms, warm ${warm.p50Ms} ms`);
  assert.ok(cold.p99Ms <= warm.p99Ms + 150, `99 % have it after ${cold.p99Ms} ms, warm ${warm.p99Ms} ms`);
});
