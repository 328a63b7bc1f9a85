// Pipelined requests of one connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const blob = Buffer.alloc(32_000_000, 7);
const path = `/v2/library/app/blobs/${digestOf(blob)}`;

test('pipelined requests are processed one after another, in order', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { port } = await startFrontend(t, { pullThrough });
  const { socket, received, closed } = await openRawConnection(t, port, true);
  const ahead = ['/v2/', path, '/v2/library/app/tags/list', '/unknown'];
  socket.write(ahead.map((target) => requestText(target)).join('') + requestText('/v2/', ['Connection: close']));
  await until(() => pullThrough.openStreams === 1);
  await delay(50);
  assert.deepEqual(
    pullThrough.calls.map(({ method }) => method),
    ['openBlob'],
    'the next request waits for the end of the blob',
  );
  socket.resume();
  await closed;
  const statuses = [
    ...received()
      .toString('latin1')
      .matchAll(/HTTP\/1\.1 (\d{3})/g),
  ].map(([, status]) => status);
  assert.deepEqual(statuses, ['200', '200', '200', '404', '200']);
});

test('pipelined requests of a client that disconnects are dropped', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { port, metrics } = await startFrontend(t, { pullThrough });
  const { socket } = await openRawConnection(t, port, true);
  socket.write(requestText(path).repeat(20));
  await until(() => pullThrough.openStreams === 1);
  socket.destroy();
  await until(() => pullThrough.openStreams === 0);
  await delay(50);
  assert.equal(pullThrough.calls.length, 1);
  const { values } = await metrics.requestsInFlight.get();
  assert.ok(
    values.every(({ value }) => value === 0),
    JSON.stringify(values),
  );
});

test('a connection with too many pipelined requests is closed', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { port, url } = await startFrontend(t, { pullThrough });
  const { socket, closed } = await openRawConnection(t, port);
  socket.write(requestText(path).repeat(1000));
  await closed;
  assert.ok(pullThrough.calls.length <= 1);
  assert.equal((await fetch(`${url}/v2/`)).status, 200);
});
