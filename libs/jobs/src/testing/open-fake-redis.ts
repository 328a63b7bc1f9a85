// A server that speaks as much of Redis' protocol as a client needs to connect; the rest is for the test to answer.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface FakeRequest {
  /** In lower case. */
  readonly command: string;
  readonly socket: Socket;
  /** The number of its connection, from 1. */
  readonly connection: number;
}

/** `answer` gives a reply in RESP3, or `undefined` for OK. Resolves to the port; ends with the test. */
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
