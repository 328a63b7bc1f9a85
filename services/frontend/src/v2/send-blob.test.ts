import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { until } from '@cistern/runtime/testing';
import { fastify } from 'fastify';
import { createRequestRecords } from '../hooks/request-facts.ts';
import { createLendingStream } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { sendBlob } from './send-blob.ts';

const bytes = randomBytes(24 * 1024 * 1024);

/** Starts a server that sends `bytes` with the given headers. */
async function startSender(t: TestContext, headers: Record<string, string> = {}) {
  const createRecord = createRequestRecords({ now: Date.now }, () => {});
  const app = fastify();
  const handled = Promise.withResolvers<void>();
  let closed = false;
  const close = () => {
    closed = true;
  };
  app.addHook('onRequest', async (request, reply) => createRecord(request, reply));
  app.get('/', async (_request, reply) => {
    const stream = { ...createLendingStream(bytes, 256 * 1024), close };
    await sendBlob(reply.headers(headers), { stream, length: bytes.length, stallMs: 60_000 });
    handled.resolve();
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return { port, handled: handled.promise, closed: () => closed };
}

test('the handler of a request ends with the first bytes, so that a slow client holds little memory', async (t) => {
  const { port, handled, closed } = await startSender(t);
  const { socket } = await openRawConnection(t, port, true);
  socket.write(requestText('/'));
  await handled;
  assert.equal(closed(), false);
  socket.destroy();
  await until(closed);
});

test('a client is disconnected if the head cannot be written', async (t) => {
  const { port, closed } = await startSender(t, { 'x-invalid': 'two\nlines' });
  const connection = await openRawConnection(t, port);
  connection.socket.write(requestText('/'));
  await connection.closed;
  assert.equal(connection.received().length, 0);
  assert.equal(closed(), true);
});
