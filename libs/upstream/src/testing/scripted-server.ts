// The HTTP server for tests of this package. It listens on a loopback port, sends scripted answers and records
// requests. Also opens an upstream on it.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { TlsOptions } from 'node:tls';

import { createLogger, createMetrics, type Metrics } from '@cistern/telemetry';
import { type OpenUpstreamOptions, openUpstream } from '../open/open-upstream.ts';
import type { Upstream } from '../upstream.ts';

export interface SeenRequest {
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface ScriptedServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly SeenRequest[];
  openConnections(): number;
  peakConnections(): number;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts a server. After the test the server and all of its connections are closed. */
export async function startServer(t: TestContext, answer: Answer, tls?: TlsOptions): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const listener: Answer = (request, response) => {
    requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers });
    answer(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  return { requests, ...(await listen(t, server, tls === undefined ? 'http' : 'https')) };
}

/** Listens like `startServer`, with any server. */
export async function listen(
  t: TestContext,
  server: Server,
  scheme: string,
): Promise<Omit<ScriptedServer, 'requests'>> {
  const sockets = new Set<Socket>();
  let peak = 0;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    peak = Math.max(peak, sockets.size);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    openConnections: () => sockets.size,
    peakConnections: () => peak,
  };
}

export interface TestUpstream {
  readonly upstream: Upstream;
  readonly metrics: Metrics;
  /** The lines of the log as written. */
  readonly logLines: readonly string[];
}

/** Opens an upstream, which is closed after the test. */
export function openOn(t: TestContext, url: string, options: Partial<OpenUpstreamOptions> = {}): TestUpstream {
  const metrics = createMetrics({ upstreams: ['test'] });
  const logLines: string[] = [];
  const log = createLogger({
    level: 'debug',
    formatter: 'json',
    destination: { write: (line) => logLines.push(line) },
  });
  const upstream = openUpstream({ name: 'test', url, instanceId: 'hop-1', version: '1.2.3', metrics, log, ...options });
  t.after(() => upstream.close());
  return { upstream, metrics, logLines };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
}
