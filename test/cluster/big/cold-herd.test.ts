// A herd of a large blob, on a machine that does nothing else. When first bytes come says more of the machine than of the
// cache where clients, upstream, balancer and all nodes share a few cores: the figures are printed, and nothing asserts them.
import { test } from 'node:test';
import { runClusterHerd } from '../src/cold-herd.ts';

test('two hundred clients pull one cold blob of 512 MiB at once from three frontends', async (t) => {
  const figures = await runClusterHerd(t, {
    size: 512 * 1024 * 1024,
    warmBytes: 8 * 1024 * 1024,
    maxSentBlobs: 1.5 * 3,
  });
  t.diagnostic(JSON.stringify(figures));
});
