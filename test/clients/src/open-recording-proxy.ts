// A proxy to a registry that records when a client has sent data. Clients keep connections open, and logs are written
// only after a request.
// real-time: records when a client sent bytes
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

export interface RecordingProxy {
  /** Host and port that replace the registry's own. */
  readonly host: string;
  /** Returns the time of the first data after a time, both by `performance.now()`, or `undefined` if there was none. */
  firstSentAfter(ms: number): number | undefined;
  close(): Promise<void>;
}

/** `target` is a host and port on the loopback. */
export async function openRecordingProxy(target: string): Promise<RecordingProxy> {
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const sentAtMs: number[] = [];
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    client.on('data', () => void sentAtMs.push(performance.now()));
    // The pipeline ends with either side.
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
