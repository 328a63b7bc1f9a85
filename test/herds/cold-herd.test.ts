import { test } from 'node:test';
import { runColdHerd } from './src/cold-herd.ts';

test('a hundred clients pull one cold blob of 256 MiB at the same time', async (t) => {
  const { grownBytes, seconds } = await runColdHerd(256 * 1024 * 1024);
  t.diagnostic(`resident memory grew by ${Math.round(grownBytes / 1024 / 1024)} MiB; ${seconds.toFixed(1)} s`);
});
