// A proxy to a server with a configurable latency and bandwidth, which counts the traffic.
// real-time: a link delays bytes by its latency and its bandwidth
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createThrottle } from '@cistern/fake-upstream';

export interface LinkLimits {
  /** Delay of every response in milliseconds; default none. */
  readonly latencyMs?: number;
  /** Bandwidth of every single response, as CDNs limit it; default unlimited. */
  readonly bytesPerSecond?: number;
  /** Bandwidth of all responses together; default unlimited. */
  readonly sumBytesPerSecond?: number;
}

export interface Counts {
  /** GETs whose response has a body, including those in progress. */
  readonly gets: number;
  /** Bytes of their bodies that have been sent. */
  readonly bytes: number;
}

export interface Link {
  readonly server: Server;
  /** Applies to the next responses. */
  limit(limits: LinkLimits): void;
  /** Returns the counts of all paths that contain a text, since the start. */
  counts(part: string): Counts;
}

/**
 * Creates a link to `targetUrl`, whose path is ignored. Requests pass unchanged, including `Host`. The caller listens
 * and closes.
 */
export function createLink(targetUrl: string): Link {
  const { hostname, port } = new URL(targetUrl);
  const agent = new Agent({ keepAlive: true });
  const counted = new Map<string, { gets: number; bytes: number }>();
  let limits: LinkLimits = {};
  let throttle = createThrottle({});

  function countOf({ method, url = '' }: IncomingMessage) {
    const path = url.split('?', 1)[0] ?? '';
    const count = counted.get(path) ?? { gets: 0, bytes: 0 };
    if (method !== 'GET') return { gets: 0, bytes: 0 };
    counted.set(path, count);
    count.gets += 1;
    return count;
  }

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const count = countOf(incoming);
    const { latencyMs = 0 } = limits;
    const answer = await forward(incoming, outgoing);
    if (latencyMs > 0) await delay(latencyMs);
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    const pace = throttle.begin();
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      await pace(chunk.length);
      count.bytes += chunk.length;
      if (!outgoing.write(chunk)) await drained(outgoing);
    }
    outgoing.end();
  }

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { method, url: path, rawHeaders } = incoming;
      const forwarded = request({ hostname, port, agent, method, path, headers: rawHeaders }, resolve);
      forwarded.once('error', reject);
      outgoing.once('close', () => void forwarded.destroy());
      incoming.on('data', (chunk: Buffer) => {
        if (forwarded.write(chunk)) return;
        incoming.pause();
        forwarded.once('drain', () => void incoming.resume());
      });
      incoming.once('end', () => void forwarded.end());
    });
  }

  const server = createServer({ noDelay: true, requestTimeout: 0 }, (incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: unknown) => {
      // A reader may disconnect at any time.
      if (!outgoing.destroyed) process.stderr.write(`${targetUrl} interrupted ${incoming.url}: ${String(error)}\n`);
      outgoing.destroy();
    });
  });
  server.once('close', () => agent.destroy());
  return {
    server,
    limit: (wanted) => {
      limits = wanted;
      throttle = createThrottle({ perConnection: wanted.bytesPerSecond, sum: wanted.sumBytesPerSecond });
    },
    counts(part) {
      const found = [...counted].filter(([path]) => path.includes(part)).map(([, count]) => count);
      const sum = (of: (count: Counts) => number) => found.reduce((total, count) => total + of(count), 0);
      return { gets: sum(({ gets }) => gets), bytes: sum(({ bytes }) => bytes) };
    },
  };
}

/** Rejects when the reader disconnects. */
function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('the reader has disconnected'));
    if (outgoing.destroyed) onClose();
    outgoing.once('close', onClose);
    outgoing.once('drain', () => {
      outgoing.off('close', onClose);
      resolve();
    });
  });
}
