// The life of a listener: from an address of the configuration to an open one, or to one sentence that says why not. It ends
// when its requests have.
import type { Server } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import { StartError } from '../start-error.ts';

export interface TcpAddress {
  readonly kind: 'tcp';
  /** `undefined`: all interfaces, IPv6 and IPv4. */
  readonly host: string | undefined;
  /** 0: any free port. */
  readonly port: number;
}

interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
}

export type ListenAddress = TcpAddress | UnixAddress;

/** What is needed of a Fastify instance. */
export interface HttpApp {
  readonly server: Server;
  listen(options: {
    readonly host?: string;
    readonly port?: number;
    readonly path?: string;
    readonly reusePort?: boolean;
  }): Promise<string>;
  close(): Promise<unknown>;
}

export type BoundAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly scheme: 'http' | 'https' }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Listens, and resolves with where. `key`: of the address in the configuration, for messages. `reusePort`: other processes
 * may listen on the same TCP port, and the system spreads the connections over them. Rejects with `StartError`; `isTaken`
 * tells whether another program has the address.
 */
export async function listen(
  app: HttpApp,
  address: ListenAddress,
  key: string,
  reusePort = false,
): Promise<BoundAddress> {
  try {
    if (address.kind === 'unix') {
      await app.listen({ path: address.path });
      return address;
    }
    await listenOnTcp(app, address.host, address.port, reusePort);
  } catch (error) {
    throw new StartError(explain(error as NodeJS.ErrnoException, address, key), { cause: error });
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server has no address');
  const scheme = (app.server as NetServer) instanceof TlsServer ? 'https' : 'http';
  return { kind: 'tcp', host: bound.address, port: bound.port, scheme };
}

export function isTaken(error: unknown): boolean {
  return error instanceof StartError && (error.cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

async function listenOnTcp(app: HttpApp, host: string | undefined, port: number, reusePort: boolean): Promise<void> {
  if (host !== undefined) {
    // As in Go's programs: the IPv4 one of the two addresses, whatever the resolver puts first.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port, reusePort });
    return;
  }
  try {
    await app.listen({ host: '::', port, reusePort });
  } catch (error) {
    // A machine without IPv6.
    if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await app.listen({ host: '0.0.0.0', port, reusePort });
  }
}

function explain(error: NodeJS.ErrnoException, address: ListenAddress, key: string): string {
  const set = `set ${key}`;
  if (address.kind === 'unix')
    return error.code === 'EADDRINUSE'
      ? `The socket ${address.path} is there already: stop the program that listens on it, or remove the file if none does.`
      : `The socket ${address.path} cannot be opened (${error.code ?? error.message}).`;
  const { host, port } = address;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `Port ${port} is taken${host === undefined ? '' : ` on ${host}`}: stop the program that listens on it, or ${set} to another one.`;
    case 'EACCES':
      return `Port ${port} needs more rights than this user has: ${set} to a port from 1024 on.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host ?? ''}: ${set} to one it has, or to :${port} for all of them.`;
    case 'ENOTSUP':
      return `This system cannot share port ${port} between processes: leave http.reuseport out, and give each process its own port.`;
    default:
      return `Listening on ${host ?? ''}:${port} failed (${error.code ?? error.message}).`;
  }
}

const idleSweepMs = 100;

/**
 * Takes no new connections and lets requests in flight end; after `graceMs` destroys what is left. Resolves, with the
 * number of requests cut off, when no connection is open any more.
 */
export async function drain(app: HttpApp, graceMs: number): Promise<number> {
  const { server } = app;
  const done = new AbortController();
  const closed = app.close().finally(() => done.abort());
  const deadline = performance.now() + graceMs;
  let cutOff = 0;
  while (!done.signal.aborted) {
    if (performance.now() >= deadline) {
      cutOff = await countConnections(server);
      server.closeAllConnections();
      break;
    }
    // A connection whose answer began before the end was asked for stays open for a next request otherwise.
    server.closeIdleConnections();
    const waitMs = Math.min(idleSweepMs, Math.max(deadline - performance.now(), 0));
    await delay(waitMs, undefined, { signal: done.signal }).catch(() => {});
  }
  await closed;
  return cutOff;
}

function countConnections(server: HttpApp['server']): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 0)));
}
