import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { hearEndedJobs } from './hear-ended-jobs.ts';

/** A Redis that answers everything but subscriptions with OK; those are for the test, with the number of their connection. */
async function openServer(t: TestContext, onSubscribe: (socket: Socket, connection: number) => void): Promise<number> {
  let connections = 0;
  const server = createServer((socket) => {
    const connection = (connections += 1);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const [, command] of chunk.toString().matchAll(/^\*\d+\r\n\$\d+\r\n(\w+)/gm))
        if (command === 'subscribe') onSubscribe(socket, connection);
        else socket.write('+OK\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('a connection that ends as it subscribes is opened again, and its failure ends nothing', async (t) => {
  const heard = Promise.withResolvers<string>();
  const port = await openServer(t, (socket, connection) => {
    // The first one is lost after it was heard, the second one before.
    if (connection !== 2) socket.write('>3\r\n$9\r\nsubscribe\r\n$5\r\nended\r\n:1\r\n');
    if (connection < 3) socket.end();
    else socket.write('>3\r\n$7\r\nmessage\r\n$5\r\nended\r\n$5\r\njob-1\r\n');
  });
  const client = new Redis({ port, lazyConnect: true });
  let hearings = 0;
  const ear = hearEndedJobs({
    connection: { kind: 'standalone', host: '127.0.0.1', port },
    client,
    channel: 'ended',
    onJob: heard.resolve,
    onHearing: () => (hearings += 1),
    onError: () => {},
  });
  t.after(() => ear.close());
  assert.equal(await heard.promise, 'job-1');
  assert.equal(hearings, 2);
});
