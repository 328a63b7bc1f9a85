// One address of the fake upstream: a plain HTTP server on a free loopback port that can stop and resume.
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, isIPv4 } from 'node:net';

export interface Listener {
  readonly url: string;
  /** Destroys all connections and refuses new ones. */
  stop(): Promise<void>;
  /** Listens again at the same address. */
  resume(): Promise<void>;
}

/** Listens at `address`, or at 127.0.0.1 if the system does not have that address. The caller ends it with `stop`. */
export async function openListener(address: string, onRequest: RequestListener): Promise<Listener> {
  const first = createServer(serverOptions, onRequest);
  const host = await listen(first, 0, address).then(
    () => address,
    async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRNOTAVAIL' || !isIPv4(address)) throw error;
      await listen(first, 0, '127.0.0.1');
      return '127.0.0.1';
    },
  );
  const { port } = first.address() as AddressInfo;
  let server: Server | undefined = first;
  return {
    url: `http://${host}:${port}`,
    async stop() {
      const stopping = server;
      server = undefined;
      if (stopping === undefined) return;
      await new Promise((resolve) => {
        stopping.close(resolve);
        stopping.closeAllConnections();
      });
    },
    async resume() {
      if (server !== undefined) return;
      server = createServer(serverOptions, onRequest);
      await listen(server, port, host);
    },
  };
}

// If the server closed an idle connection just as a client reuses it, that would be an unscripted fault.
const serverOptions = { keepAliveTimeout: 120_000, requestTimeout: 0 };

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
