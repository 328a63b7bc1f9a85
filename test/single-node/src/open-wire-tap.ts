// Opens a TCP proxy that records all traffic, so that a test can find every secret that was really sent.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Owner } from './open-stage.ts';

export interface WireTap {
  readonly url: string;
  /** Returns everything sent in both directions so far. */
  text(): string;
}

/** Opens a proxy to `target`, an `http:` URL on loopback. The proxy closes with its owner. */
export async function openWireTap(owner: Owner, target: string): Promise<WireTap> {
  const { hostname, port } = new URL(target);
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const forward = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      to.write(chunk);
    });
    from.once('end', () => to.end());
    from.once('error', () => to.destroy());
    from.once('close', () => {
      to.destroy();
      sockets.delete(from);
    });
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    forward(client, upstream);
    forward(upstream, client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: () => Buffer.concat(chunks).toString('latin1'),
  };
}
