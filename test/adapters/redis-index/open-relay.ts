// A relay to a real Redis that fakes an older version and slow answers.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TestContext } from 'node:test';

export interface Relay {
  readonly port: number;
  /** Delay of each answer in milliseconds; default 0. */
  delayMs: number;
  /** Returns the number of bytes that clients have sent. */
  bytesFromClients(): number;
}

/** Opens a relay that ends with the test. `version` replaces the one in INFO and must have its length. */
export async function openRelay(t: TestContext, port: number, version?: string): Promise<Relay> {
  let bytesFromClients = 0;
  const relay = { port: 0, delayMs: 0, bytesFromClients: () => bytesFromClients };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1');
    for (const socket of [client, redis]) sockets.add(socket.once('close', () => sockets.delete(socket)));
    const disguise = new Transform({ transform: (chunk: Buffer, _, done) => done(null, disguised(chunk, version)) });
    // real-time: delays the bytes of a slow Redis
    disguise.on('data', (chunk: Buffer) => setTimeout(() => client.write(chunk), relay.delayMs));
    client.on('data', (chunk: Buffer) => (bytesFromClients += chunk.length));
    pipeline(client, redis, disguise).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  relay.port = (server.address() as AddressInfo).port;
  return relay;
}

function disguised(chunk: Buffer, version: string | undefined): Buffer {
  if (version === undefined) return chunk;
  return Buffer.from(chunk.toString('latin1').replace(/redis_version:[\d.]+/, `redis_version:${version}`), 'latin1');
}
