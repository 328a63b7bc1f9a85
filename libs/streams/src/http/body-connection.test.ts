// Tests reading bodies from sockets. The connection pool and the S3 client are tested in the package of the store.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type BodyConnection, type BodyConnectionOptions, openBodyConnection } from './body-connection.ts';
import type { ResponseHead } from './response-head.ts';

const bytes = randomBytes(300_000);
const unbounded = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';

/** A server whose sockets a test writes to, and a connection to it that has sent a request. */
async function sendRequest(t: TestContext, options: Partial<BodyConnectionOptions> = {}) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const closed = Promise.withResolvers<void>();
  const connection = openBodyConnection({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    secure: false,
    timeoutMs: 10_000,
    onClose: closed.resolve,
    ...options,
  });
  const head = Promise.withResolvers<ResponseHead>();
  connection.request('GET / HTTP/1.1\r\nHost: x\r\n\r\n', {
    onHead(given) {
      head.resolve(given);
      return undefined;
    },
    onError: head.reject,
  });
  head.promise.catch(() => {});
  const [socket] = await accepted;
  socket.on('error', () => {}).resume();
  t.after(async () => {
    connection.destroy(new Error('the test is over'));
    socket.destroy();
    server.close();
    await closed.promise;
  });
  return { connection, socket, head: head.promise };
}

async function readBytes({ read }: BodyConnection, count: number, chunkBytes = 100_000): Promise<Buffer> {
  const whole = Buffer.alloc(count);
  for (let at = 0; at < count;) at += await read(whole.subarray(at, Math.min(count, at + chunkBytes)));
  return whole;
}

test('an unbounded body is read as far as it arrives, and then rejects with the end of its connection', async (t) => {
  const { connection, socket, head } = await sendRequest(t);
  socket.write(unbounded);
  socket.write(bytes);
  assert.equal((await head).isUnbounded, true);
  assert.ok((await readBytes(connection, bytes.length)).equals(bytes));
  const more = connection.read(Buffer.alloc(10));
  socket.end();
  await assert.rejects(more, { code: 'ECONNRESET' });
});

test('available bytes are returned immediately, if they came with the head or while there was no reader', async (t) => {
  const { connection, socket, head } = await sendRequest(t);
  socket.write(Buffer.concat([Buffer.from(unbounded), bytes.subarray(0, 7)]));
  await head;
  const buffer = Buffer.alloc(100);
  assert.equal(await connection.read(buffer), 7);
  const reading = connection.read(buffer);
  socket.write(bytes.subarray(7, 20));
  assert.equal(await reading, 13);
  assert.ok(buffer.subarray(0, 13).equals(bytes.subarray(7, 20)));
});

test('a read waits for `enoughBytes`, but not beyond the end of the body', async (t) => {
  const { connection, socket, head } = await sendRequest(t, { enoughBytes: 100_000 });
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
  await head;
  const buffer = Buffer.alloc(250_000);
  const reading = connection.read(buffer);
  socket.write(bytes.subarray(0, 50_000));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write(bytes.subarray(50_000));
  const length = await reading;
  assert.ok(length >= 100_000, `${length} bytes`);
  assert.ok(buffer.subarray(0, length).equals(bytes.subarray(0, length)));
  assert.ok((await readBytes(connection, bytes.length - length)).equals(bytes.subarray(length)));
  assert.equal(await connection.read(buffer), 0);
});

test('a connection that is not established in time ends the request', async (t) => {
  // The server accepts the connection, but does not start TLS.
  const { head } = await sendRequest(t, { secure: true, connectMs: 50 });
  await assert.rejects(head, { code: 'SILENT' });
});
