// A relay to a real server that makes its answers slow, and can fake an older version of Redis.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface Relay {
  readonly port: number;
  /** Delay of each answer in milliseconds; default 0. */
  delayMs: number;
  /** Returns the number of bytes that clients have sent. */
  bytesFromClients(): number;
}

interface RelayOwner {
  after(end: () => unknown): void;
}

/**
 * Opens a relay to this port of 127.0.0.1, which ends with its owner. `version` replaces the one in Redis's INFO and must have its
 * length.
 */
export async function openRelay(owner: RelayOwner, port: number, version?: string): Promise<Relay> {
  let bytesFromClients = 0;
  const relay = { port: 0, delayMs: 0, bytesFromClients: () => bytesFromClients };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    for (const socket of [client, target]) sockets.add(socket.once('close', () => sockets.delete(socket)));
    const disguise = new Transform({ transform: (chunk: Buffer, _, done) => done(null, disguised(chunk, version)) });
    // The bytes stay in order when the delay becomes shorter.
    let written = Promise.resolve();
    disguise.on('data', (chunk: Buffer) => {
      written = writeAfter(written, chunk);
    });
    async function writeAfter(before: Promise<void>, chunk: Buffer): Promise<void> {
      // real-time: delays the bytes of a slow server
      await Promise.all([before, delay(relay.delayMs)]);
      client.write(chunk);
    }
    client.on('data', (chunk: Buffer) => (bytesFromClients += chunk.length));
    pipeline(client, target, disguise).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.after(() => {
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
