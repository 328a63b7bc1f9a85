// A port for a server that must be told its port before it starts. Servers that can bind port 0 should do that instead.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range that Linux and macOS take for outgoing connections, which could steal a port between here and its use.
const lowest = 15_000;
const highest = 32_000;

/** A TCP port that nobody listens on at 127.0.0.1 now. Never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(lowest, highest);
    if (!handedOut.has(port) && (await canListen(port))) {
      handedOut.add(port);
      return port;
    }
  }
  throw new Error(`no free port found between ${lowest} and ${highest} on 127.0.0.1`);
}

const handedOut = new Set<number>();

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
