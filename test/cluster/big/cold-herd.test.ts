// A herd of clients pulls a large blob, on a machine that does nothing else. Clients, upstream, balancer and all nodes
// share a few cores, so the time to the first byte depends mostly on the machine. The figures are printed, and nothing
// asserts them.
import { test } from 'node:test';
import { runClusterHerd } from '../src/cold-herd.ts';

test('two hundred clients pull one cold blob of 512 MiB from three frontends at the same time', async (t) => {
  const figures = await runClusterHerd(t, {
    size: 512 * 1024 * 1024,
    warmBytes: 8 * 1024 * 1024,
    maxSentBlobs: 1.5 * 3,
  });
  t.diagnostic(JSON.stringify(figures));
});
