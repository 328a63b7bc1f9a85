// A way to a registry on which a test sees when a client has last sent something: clients keep connections, and logs are
// written when all is over.
// real-time: records when a client sent bytes
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

export interface Passage {
  /** Host and port in place of the registry's own. */
  readonly host: string;
  /** When something was first sent after a time, both as `performance.now()` has them; `undefined`: nothing was. */
  firstSentAfter(ms: number): number | undefined;
  close(): Promise<void>;
}

/** `target`: host and port on the loopback. */
export async function openPassage(target: string): Promise<Passage> {
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const sentAtMs: number[] = [];
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    client.on('data', () => void sentAtMs.push(performance.now()));
    // Ends with either side.
    pipeline(client, connect(port, '127.0.0.1'), client).catch(() => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    firstSentAfter: (ms) => sentAtMs.find((sentMs) => sentMs > ms),
    async close() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
