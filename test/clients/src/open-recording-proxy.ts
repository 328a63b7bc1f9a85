// A proxy to a registry that records when a client has sent data, and counts its requests. Clients keep connections open, and logs are written
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
  /** Returns the number of requests so far. Clients send requests over HTTP/1.1. */
  requests(): number;
  close(): Promise<void>;
}

const requestLineEnd = ' HTTP/1.1\r\n';

/** `target` is a host and port on the loopback. */
export async function openRecordingProxy(target: string): Promise<RecordingProxy> {
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const sentAtMs: number[] = [];
  let requests = 0;
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    let end = '';
    client.on('data', (chunk: Buffer) => {
      sentAtMs.push(performance.now());
      const text = end + chunk.toString('latin1');
      requests += text.split(requestLineEnd).length - 1;
      // A chunk can end within a request line. The kept end is too short to be counted again.
      end = text.slice(1 - requestLineEnd.length);
    });
    // The pipeline ends with either side.
    pipeline(client, connect(port, '127.0.0.1'), client).catch(() => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    firstSentAfter: (ms) => sentAtMs.find((sentMs) => sentMs > ms),
    async close() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
