import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import type { BlobStream, OpenedBlob } from '@cistern/pull-through';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const bytes = Buffer.alloc(16 * 1024 * 1024, 'x');
const digest = digestOf(bytes);
const path = `/v2/library/nginx/blobs/${digest}`;

function blobOf(stream: Omit<BlobStream, 'cache'>): OpenedBlob {
  return { digest, size: 1000, cache: 'JOINED', read: async () => ({ cache: 'JOINED', ...stream }) };
}

test('a client that disconnects during a write closes the stream', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const { port, log } = await startFrontend(t, { pullThrough, accessLog: undefined });
  const { socket } = await openRawConnection(t, port, true);
  socket.write(requestText(path));
  await until(() => pullThrough.openStreams === 1);
  socket.destroy();
  await until(() => pullThrough.openStreams === 0);
  await until(() => log.length === 1);
  assert.equal(log[0]?.['aborted'], true);
  assert.equal(log[0]?.['level'], 'info');
  assert.ok((log[0]?.['bytes'] as number) < bytes.length);
});

test('a client that disconnects while the next chunk is pending closes the stream', async (t) => {
  let reads = 0;
  let closed = 0;
  const stream = {
    async next() {
      reads += 1;
      return reads === 1 ? Buffer.alloc(10) : new Promise<never>(() => {});
    },
    close() {
      closed += 1;
    },
  };
  const pullThrough = createMemoryPullThrough({ instead: { openBlob: async () => blobOf(stream) } });
  const { port, log } = await startFrontend(t, { pullThrough, accessLog: undefined });
  const { socket } = await openRawConnection(t, port);
  socket.write(requestText(path));
  await until(() => reads === 2);
  socket.destroy();
  await until(() => closed === 1 && log.length === 1);
  assert.equal(log[0]?.['bytes'], 10);
  assert.equal(log[0]?.['status'], 200);
});

test('a client that disconnects before the first chunk closes the stream', async (t) => {
  let reads = 0;
  let closed = 0;
  const stream = {
    next() {
      reads += 1;
      return new Promise<never>(() => {});
    },
    close() {
      closed += 1;
    },
  };
  const pullThrough = createMemoryPullThrough({ instead: { openBlob: async () => blobOf(stream) } });
  const { port, log } = await startFrontend(t, { pullThrough, accessLog: undefined });
  const { socket } = await openRawConnection(t, port);
  socket.write(requestText(path));
  await until(() => reads === 1);
  socket.destroy();
  await until(() => closed === 1 && log.length === 1);
  assert.equal(log[0]?.['status'], 0);
});

test('a client that disconnects before the blob is open aborts the signal, and a late stream is closed', async (t) => {
  let signal: AbortSignal | undefined;
  let closed = 0;
  const late = Promise.withResolvers<OpenedBlob>();
  const pullThrough = createMemoryPullThrough({
    instead: {
      openBlob(request) {
        signal = request.signal;
        return late.promise;
      },
    },
  });
  const { port } = await startFrontend(t, { pullThrough, accessLog: undefined });
  const { socket } = await openRawConnection(t, port);
  socket.write(requestText(path));
  await until(() => signal !== undefined);
  socket.destroy();
  await until(() => signal?.aborted === true);
  late.resolve(
    blobOf({
      next: async () => Buffer.alloc(10),
      close() {
        closed += 1;
      },
    }),
  );
  await until(() => closed === 1);
});

test('a client that disconnects during the fetch of a manifest aborts the signal', async (t) => {
  let signal: AbortSignal | undefined;
  const pullThrough = createMemoryPullThrough({
    instead: {
      openManifest(request) {
        signal = request.signal;
        return new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('aborted')));
        });
      },
    },
  });
  const { port, log } = await startFrontend(t, { pullThrough, accessLog: undefined });
  const { socket } = await openRawConnection(t, port);
  socket.write(requestText('/v2/nginx/manifests/latest'));
  await until(() => signal !== undefined);
  socket.destroy();
  await until(() => signal?.aborted === true && log.length === 1);
  assert.equal(log[0]?.['aborted'], true);
  assert.equal(log[0]?.['level'], 'info');
});
