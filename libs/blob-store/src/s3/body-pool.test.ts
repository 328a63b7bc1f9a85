import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, createServer, type AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { BodyConnection } from '@cistern/streams';
import { createBodyPool } from './body-pool.ts';

/**
 * Starts a server and a pool of one connection. The server sends three bytes of a body of `length`, or sends nothing.
 */
async function startPool(
  t: TestContext,
  { answers, length = 3, timeoutMs = 30_000 }: { answers: boolean; length?: number; timeoutMs?: number },
) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (answers) socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\nabc`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = createBodyPool({ secure: false, timeoutMs, maxConnections: 1, onSilent() {} });
  t.after(() => {
    pool.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const take = () =>
    new Promise<BodyConnection>((resolve, reject) => {
      pool.take(address, resolve, reject);
    });
  const get = async () => {
    const connection = await take();
    await new Promise<void>((resolve, reject) => {
      const onHead = () => {
        resolve();
        return undefined;
      };
      connection.request('GET / HTTP/1.1\r\n\r\n', { onHead, onError: reject });
    });
    return connection;
  };
  return { pool, take, get, sockets };
}

test('a waiting request gets the connection after the body before it is read or destroyed', async (t) => {
  const { get, sockets } = await startPool(t, { answers: true });
  const first = await get();
  const others = [get(), get()];
  assert.equal(await first.read(Buffer.alloc(10)), 3);
  const second = await others[0]!;
  assert.equal(second, first);
  second.destroy(new Error('not wanted'));
  assert.notEqual(await others[1], first);
  assert.equal(sockets.length, 2);
});

test('a request that gets no connection within the timeout is rejected, and does not delay the next one', async (t) => {
  const { get, take, sockets } = await startPool(t, { answers: true, length: 6, timeoutMs: 500 });
  const first = await get();
  const reading = first.read(Buffer.alloc(10));
  setTimeout(() => sockets[0]!.write('d'), 300);
  await assert.rejects(take(), { code: 'NO_FREE_CONNECTION' });
  sockets[0]!.write('ef');
  assert.equal(await reading, 6);
  assert.equal(await get(), first);
});

test('an unread body loses its connection to a waiting request, and its received bytes can still be read', async (t) => {
  const { get, sockets } = await startPool(t, { answers: true, length: 6 });
  const unread = await get();
  const second = await get();
  assert.notEqual(second, unread);
  assert.equal(await unread.read(Buffer.alloc(10)), 3);
  await assert.rejects(unread.read(Buffer.alloc(10)), { code: 'UNREAD' });
  const others = [get(), get()];
  const reading = second.read(Buffer.alloc(10));
  sockets[1]!.write('def');
  assert.equal(await reading, 6);
  assert.equal(await others[0], second);
  assert.notEqual(await others[1], second);
  assert.equal(sockets.length, 3);
});

test('close rejects requests that wait for a connection, a response or bytes, and all later requests', async (t) => {
  const { pool, take, get } = await startPool(t, { answers: false });
  const ended = [get(), take()].map((waiting) => assert.rejects(waiting, { code: 'CLOSED' }));
  await new Promise(setImmediate);
  pool.close();
  await Promise.all(ended);
  await assert.rejects(take(), { code: 'CLOSED' });
});
