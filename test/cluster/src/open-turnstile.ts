// One port in front of several servers. It forwards connections to each of them in turn, for any protocol.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Owner } from '@cistern/single-node/open-stage';

export interface Turnstile {
  readonly port: number;
  /** Forwards new connections to these ports. Before the first call, connections are refused. */
  forwardTo(ports: readonly number[]): void;
}

export async function openTurnstile(owner: Owner): Promise<Turnstile> {
  let targets: readonly number[] = [];
  let turn = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const port = targets[(turn += 1) % targets.length];
    if (port === undefined) {
      socket.destroy();
      return;
    }
    const inner = connect({ host: '127.0.0.1', port });
    sockets.add(socket).add(inner);
    pass(socket, inner);
    pass(inner, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.after(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { port, forwardTo: (ports) => void (targets = ports) };
}

/** The two ends report errors, so they are ignored here. */
function pass(from: Socket, to: Socket): void {
  void pipeline(from, to).catch(() => {});
}
