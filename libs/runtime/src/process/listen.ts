// Opens a listener on a configured address, or fails with a message for the operator. Also drains a listener.
import type { Server, ServerResponse } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import { StartError } from '../start-error.ts';

export interface TcpAddress {
  readonly kind: 'tcp';
  /** `undefined` means all interfaces, IPv6 and IPv4. */
  readonly host: string | undefined;
  /** 0 means any free port. */
  readonly port: number;
}

interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
}

export type ListenAddress = TcpAddress | UnixAddress;

/** The part of a Fastify instance that a listener needs. */
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
 * Listens, and resolves to the bound address. `key` is the name of the setting that contains the address, for messages.
 * With `reusePort` other processes can listen on the same TCP port, and the kernel distributes connections among them.
 * Rejects with `StartError`; `isAddressInUse` recognizes an address in use.
 */
export async function listen(
  app: HttpApp,
  address: ListenAddress,
  key: string,
  reusePort = false,
): Promise<BoundAddress> {
  rememberConnections(app.server);
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

export function isAddressInUse(error: unknown): boolean {
  return error instanceof StartError && (error.cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

async function listenOnTcp(app: HttpApp, host: string | undefined, port: number, reusePort: boolean): Promise<void> {
  if (host !== undefined) {
    // As in Go programs, `localhost` means its IPv4 address, even if the resolver returns the IPv6 address first.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port, reusePort });
    return;
  }
  try {
    await app.listen({ host: '::', port, reusePort });
  } catch (error) {
    // The machine has no IPv6.
    if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await app.listen({ host: '0.0.0.0', port, reusePort });
  }
}

function explain(error: NodeJS.ErrnoException, address: ListenAddress, key: string): string {
  if (address.kind === 'unix')
    return error.code === 'EADDRINUSE'
      ? `The socket ${address.path} already exists. Stop the program that listens on it, or remove the file if there is none.`
      : `The socket ${address.path} cannot be opened (${error.code ?? error.message}). Check the path, or set ${key} to another one.`;
  const { host, port } = address;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `Port ${port}${host === undefined ? '' : ` on ${host}`} is in use. Stop the program that listens on it, or set ${key} to another port.`;
    case 'EACCES':
      return `This user has no permission to listen on port ${port}. Set ${key} to a port from 1024 on.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host ?? ''}. Set ${key} to an address of this machine, or to :${port} for all addresses.`;
    case 'ENOTSUP':
      return `This system cannot share port ${port} between processes. Remove http.reuseport, and give each process its own port.`;
    default:
      return `Listening on ${host ?? ''}:${port} failed (${error.code ?? error.message}). Check ${key}.`;
  }
}

const idleSweepMs = 100;

/**
 * Accepts no new connections and waits for requests in flight. After `graceMs` it destroys the remaining connections.
 * When all connections are closed, it resolves to the number of destroyed connections, each with an aborted request.
 */
export async function drain(app: HttpApp, graceMs: number): Promise<number> {
  const { server } = app;
  keepUnsentResponses(server);
  const done = new AbortController();
  const closed = app.close().finally(() => done.abort());
  const deadline = performance.now() + graceMs;
  let aborted = 0;
  while (!done.signal.aborted) {
    if (performance.now() >= deadline) {
      aborted = await countConnections(server);
      server.closeAllConnections();
      break;
    }
    // A keep-alive connection whose response began before the shutdown would otherwise stay open for another request.
    server.closeIdleConnections();
    const waitMs = Math.min(idleSweepMs, Math.max(deadline - performance.now(), 0));
    await delay(waitMs, undefined, { signal: done.signal }).catch(() => {});
  }
  await closed;
  return aborted;
}

const openConnections = new WeakMap<Server, Set<Socket>>();

function rememberConnections(server: Server): void {
  if (openConnections.has(server)) return;
  const open = new Set<Socket>();
  openConnections.set(server, open);
  server.on((server as NetServer) instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
}

/**
 * Makes `closeIdleConnections`, which Node.js and Fastify call too, wait while the end of a response is still in memory.
 * Node.js counts its connection as idle as soon as the response has ended, and would discard the rest.
 */
function keepUnsentResponses(server: Server): void {
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    const open = openConnections.get(server) ?? [];
    if (![...open].some(hasUnsentEnd)) closeIdle();
  };
}

/** Node.js removes a response from its socket when all bytes are sent. */
function hasUnsentEnd(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.finished === true;
}

function countConnections(server: HttpApp['server']): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 0)));
}
