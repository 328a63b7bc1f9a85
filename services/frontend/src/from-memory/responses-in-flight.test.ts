// real-time: the socket buffers of the kernel fill up
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@cistern/runtime/testing';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';

test('a response from memory counts as in flight while its client does not read it', async (t) => {
  const bytes = Buffer.alloc(32_000_000);
  const pullThrough = createMemoryPullThrough({ blobs: [bytes], manifests: [bytes], isInMemory: true });
  const { port, metrics } = await startFrontend(t, { pullThrough });
  const inFlight = async () => (await metrics.requestsInFlight.get()).values.filter(({ value }) => value !== 0);
  const { socket } = await openRawConnection(t, port, true);
  socket.write(requestText('/v2/library/nginx/manifests/latest'));
  await until(async () => (await inFlight()).length > 0);
  assert.deepEqual(await inFlight(), [{ value: 1, labels: { operation: 'manifest' } }]);
  assert.deepEqual(pullThrough.calls, []);
  socket.destroy();
  await until(async () => (await inFlight()).length === 0);
});
