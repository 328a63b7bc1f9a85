// A fake Redis server. It answers OK to every command for which the test provides no reply, which is enough for ioredis
// to connect.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface FakeRequest {
  /** The command in lower case. */
  readonly command: string;
  readonly socket: Socket;
  /** The number of the connection, from 1. */
  readonly connection: number;
}

/**
 * Starts the server and resolves to its port. `answer` returns a reply in RESP3, or `undefined` for OK. The server
 * closes at the end of the test.
 */
export async function openFakeRedis(
  t: TestContext,
  answer: (request: FakeRequest) => string | undefined,
): Promise<number> {
  let connections = 0;
  const server = createServer((socket) => {
    const connection = (connections += 1);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const [, command = ''] of chunk.toString().matchAll(/^\*\d+\r\n\$\d+\r\n(\w+)/gm))
        socket.write(answer({ command: command.toLowerCase(), socket, connection }) ?? '+OK\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}
