import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createLendingStream, createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const bytes = randomBytes(24 * 1024 * 1024);
const digest = digestOf(bytes);
const path = `/v2/library/nginx/blobs/${digest}`;

/** Counts the bytes that the frontend reads. The stream overwrites its one buffer with every call. */
function countingPullThrough() {
  let bytesRead = 0;
  let closed = false;
  const pullThrough = createMemoryPullThrough({
    instead: {
      openBlob: async () => ({
        digest,
        size: bytes.length,
        cache: 'HIT',
        async read() {
          const stream = createLendingStream(bytes, 256 * 1024);
          return {
            cache: 'HIT',
            async next() {
              const chunk = await stream.next();
              bytesRead += chunk?.length ?? 0;
              return chunk;
            },
            close() {
              closed = true;
              stream.close();
            },
          };
        },
      }),
    },
  });
  return { pullThrough, bytesRead: () => bytesRead, closed: () => closed };
}

/** Resolves when `value` has not changed for a while. */
async function settled(value: () => number): Promise<number> {
  for (let last = -1; ;) {
    if (last > 0 && value() === last) return last;
    last = value();
    await sleep(100);
  }
}

test('a client that does not read pauses the stream, and gets every byte when it continues', async (t) => {
  const { pullThrough, bytesRead, closed } = countingPullThrough();
  const { port } = await startFrontend(t, { pullThrough });
  const connection = await openRawConnection(t, port, true);
  connection.socket.write(requestText(path, ['Connection: close']));
  const read = await settled(bytesRead);
  // The frontend has read only as many bytes as fit into the kernel's buffers, and one chunk.
  assert.ok(read < bytes.length / 2, `${read} bytes were read ahead`);
  assert.equal(closed(), false);
  connection.socket.resume();
  await connection.closed;
  const received = connection.received();
  assert.ok(received.subarray(received.indexOf('\r\n\r\n') + 4).equals(bytes));
  assert.equal(closed(), true);
});

test('a client that reads nothing for too long is disconnected', async (t) => {
  const { pullThrough, closed } = countingPullThrough();
  const { port, log } = await startFrontend(t, { pullThrough, clientStallMs: 150 });
  const { socket } = await openRawConnection(t, port, true);
  socket.write(requestText(path));
  await until(() => closed() && log.length === 1);
  assert.equal(log[0]?.['aborted'], true);
  assert.equal(log[0]?.['level'], 'warn');
});

test('a client that waits for the cache longer than the stall limit stays connected', async (t) => {
  const chunks = [Buffer.from('ab'), Buffer.from('cd')];
  let reads = 0;
  const pullThrough = createMemoryPullThrough({
    instead: {
      openBlob: async () => ({
        digest,
        size: 4,
        cache: 'JOINED',
        read: async () => ({
          cache: 'JOINED',
          async next() {
            reads += 1;
            if (reads === 2) await sleep(300);
            return chunks[reads - 1];
          },
          close() {},
        }),
      }),
    },
  });
  const { port } = await startFrontend(t, { pullThrough, clientStallMs: 50 });
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText(path, ['Connection: close']));
  await connection.closed;
  assert.ok(connection.received().toString().endsWith('\r\n\r\nabcd'));
});
