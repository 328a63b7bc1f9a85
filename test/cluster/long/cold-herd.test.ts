import { test } from 'node:test';
import { runClusterHerd } from '../src/cold-herd.ts';

const mebibyte = 1024 * 1024;

test('two hundred clients pull one cold blob of 64 MiB from three frontends at the same time', async (t) => {
  // On an idle machine 4.5 blobs are sent, and the first bytes arrive 50 and 150 ms after those of a warm herd.
  const figures = await runClusterHerd(t, { size: 64 * mebibyte, warmBytes: 8 * mebibyte, maxSentBlobs: 8 });
  t.diagnostic(JSON.stringify(figures));
});
