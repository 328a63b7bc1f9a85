// real-time: the kernel shares ports between servers
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:net';
import { drain, listen, type HttpApp } from './listen.ts';

/** Opens an app that responds with its name, as another process would. */
function openApp(t: TestContext, name: string | Buffer): HttpApp {
  const server = createServer((_request, response) => response.end(name));
  const close = () => new Promise((resolve) => server.close(resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    server,
    async listen(options) {
      server.listen(options);
      await once(server, 'listening');
      return '';
    },
    close,
  };
}

async function nameOnNewConnection(port: number): Promise<string> {
  const [response] = (await once(get({ port, host: '127.0.0.1', agent: new Agent() }), 'response')) as [
    IncomingMessage,
  ];
  return (await response.toArray()).join('');
}

const anyPort = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

test('each process that shares a port gets connections', async (t) => {
  const bound = await listen(openApp(t, 'first'), anyPort, 'http.addr', true);
  assert.ok(bound.kind === 'tcp');
  await listen(openApp(t, 'second'), { ...anyPort, port: bound.port }, 'http.addr', true);
  const names = new Set<string>();
  // The kernel chooses one of the two by a hash of the connection's addresses.
  for (let attempt = 0; attempt < 200 && names.size < 2; attempt++) names.add(await nameOnNewConnection(bound.port));
  assert.deepEqual([...names].sort(), ['first', 'second']);
});

test('a port without reuseport is not shared', async (t) => {
  const bound = await listen(openApp(t, 'first'), anyPort, 'http.addr');
  assert.ok(bound.kind === 'tcp');
  await assert.rejects(listen(openApp(t, 'second'), { ...anyPort, port: bound.port }, 'http.addr', true), {
    message: new RegExp(`^Port ${bound.port} on 127\\.0\\.0\\.1 is in use`),
  });
});

test('a drain closes idle connections, but not before a slow client has its whole response', async (t) => {
  const size = 32 * 1024 * 1024;
  const app = openApp(t, Buffer.alloc(size));
  const bound = await listen(app, anyPort, 'http.addr');
  assert.ok(bound.kind === 'tcp');
  const socket = connect(bound.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: cache\r\n\r\n');
  await once(socket, 'readable');
  const drained = drain(app, 60_000);
  let received = 0;
  for await (const bytes of socket) received += (bytes as Buffer).length;
  assert.ok(received > size, `${received} bytes`);
  assert.equal(await drained, 0);
});
