// Starts an HTTPS server for a test. The server responds with "hello" to every request.
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { ServerTls } from '../open-server-tls.ts';

/** Resolves to the server's port on 127.0.0.1. The server and `tls` are closed at the end of the test. */
export async function serveBy(t: TestContext, tls: ServerTls): Promise<number> {
  const server = createServer(tls.options, (_request, response) => response.end('hello'));
  tls.serve(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
    return tls.close();
  });
  return (server.address() as AddressInfo).port;
}
