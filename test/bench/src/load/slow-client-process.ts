// Runs clients that read slowly, each on its own connection, in a process of their own. It receives a plan, and reports
// `reading` when all clients have their first byte. It ends with its parent's channel, and fails if a client was
// disconnected before.
// real-time: clients read at a fixed rate, and connect one after another
import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface SlowPlan {
  readonly url: string;
  readonly clients: number;
  readonly bytesPerSecond: number;
  /** Each client starts at its own offset within these first bytes, like clients that started at different times. */
  readonly apartBytes: number;
  /** Time over which the clients start, one after another. */
  readonly rampMs: number;
}

export type SlowAnswer = { readonly reading: number } | { readonly error: string };

/** All clients share the buffer, because the bytes are not checked. */
const sink = Buffer.allocUnsafe(64 * 1024);
/** A client reads once a turn. It has shorter turns only if it reads more than the buffer in this time. */
const longestTurnMs = 200;

async function start({ url, clients, bytesPerSecond, apartBytes, rampMs }: SlowPlan): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const reading = new Set<Socket>();
  const turnMs = Math.min(longestTurnMs, (sink.length / bytesPerSecond) * 1000);
  const bytesATurn = Math.round((bytesPerSecond * turnMs) / 1000);
  const open = (client: number): Socket => {
    const from = Math.floor((client * apartBytes) / clients);
    const onread = {
      buffer: sink.subarray(0, bytesATurn),
      callback(bytes: number) {
        if (!reading.has(socket)) {
          const status = sink.toString('latin1', 0, Math.min(bytes, 12));
          if (status !== 'HTTP/1.1 206') end(`a slow client received ${status}`);
          reading.add(socket);
        }
        return false;
      },
    };
    const socket: Socket = createConnection({ host: hostname, port: Number(port), onread }, () => {
      socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nRange: bytes=${from}-\r\n\r\n`);
    });
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end('a client was disconnected'));
    return socket;
  };
  const sockets: Socket[] = [];
  setInterval(() => {
    for (const socket of sockets) socket.resume();
  }, turnMs);
  for (let client = 0; client < clients; client += 1) {
    sockets.push(open(client));
    if (client % 20 === 19) await delay((rampMs * 20) / clients);
  }
  while (reading.size < clients) await delay(50);
  process.send?.({ reading: clients } satisfies SlowAnswer);
}

function end(error: string): void {
  process.send?.({ error } satisfies SlowAnswer, () => process.exit(1));
}

process.once('message', (plan: SlowPlan) => void start(plan));
process.once('disconnect', () => process.exit());
