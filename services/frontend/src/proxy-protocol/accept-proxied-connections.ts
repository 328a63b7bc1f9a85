// Reads PROXY protocol headers. Behind a load balancer that forwards connections, every client has the balancer's address. With
// the PROXY protocol, the balancer begins each connection with a header that contains the client's address. The socket then
// reports the client's address as its remote address.
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer, type TLSSocket } from 'node:tls';
import { type Logger, plainAddress } from '@cistern/telemetry';
import { createAddressList } from '@cistern/auth';
import { holdConnections } from '../hooks/limit-connections.ts';
import { parseProxyHeader, type ProxiedClient } from './parse-proxy-header.ts';

export interface ProxiedConnectionsOptions {
  /**
   * Addresses and networks whose connections must begin with a header. A header on another connection is not read. A connection
   * over a Unix socket has no address, and must also begin with a header.
   */
  readonly trustedProxies: readonly string[];
  readonly log: Logger;
  /** The time limit for the whole header. The specification requires at least 3 s, so that a lost packet can be sent again. */
  readonly headerLimitMs?: number;
  /**
   * The most connections that wait for their header. One more connection closes the oldest waiting one, because a real proxy
   * sends its header immediately.
   */
  readonly maxWaiting?: number;
  /** Called with each connection whose header names its client. */
  readonly onClientKnown?: (socket: Socket) => void;
}

/** Must be called on an HTTP or HTTPS server before it listens. With HTTPS, the header precedes the TLS handshake. */
export function acceptProxiedConnections(server: Server, options: ProxiedConnectionsOptions): void {
  const { log, headerLimitMs = 5000, maxWaiting = 1024, onClientKnown } = options;
  const isTrusted = createAddressList(options.trustedProxies);
  /** The sockets whose header names no client. */
  const unknownClients = new WeakSet<Socket>();
  const clientsBehindTls =
    server instanceof TlsServer ? passThroughTls(server, (socket) => unknownClients.add(socket)) : undefined;
  /** The sockets that wait for their header, the oldest first. */
  const waiting = new Map<Socket, (reason: string) => void>();

  server.prependListener('request', ({ socket, headers }: IncomingMessage) => {
    if (!unknownClients.has(socket)) return;
    // The balancer adds no HTTP headers, so these are from a client whose address is unknown, and cannot be trusted.
    for (const name of ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']) delete headers[name];
  });

  holdConnections(server, (socket, accept) => {
    const { remoteAddress } = socket;
    if (remoteAddress !== undefined && !isTrusted(remoteAddress)) return accept();
    const refuse = readHeader(socket, headerLimitMs, {
      onSettled: () => waiting.delete(socket),
      onHeader(client) {
        clientsBehindTls?.add(socket, client);
        if (client === undefined) unknownClients.add(socket);
        else {
          setClientAddress(socket, client);
          onClientKnown?.(socket);
        }
        accept();
      },
      onInvalid(reason) {
        log.warn(
          { remoteAddress: remoteAddress && plainAddress(remoteAddress), reason },
          'closed a connection without a PROXY header',
        );
      },
    });
    waiting.set(socket, refuse);
    const [longest] = waiting.values();
    if (waiting.size > maxWaiting) longest?.(`more than ${maxWaiting} connections waited for a header`);
  });
}

interface HeaderEvents {
  /** Called before `onHeader` and `onInvalid`. It is also called alone, if the connection ends before its first byte. */
  onSettled(): void;
  onHeader(client: ProxiedClient | undefined): void;
  /** Called after the socket is destroyed. */
  onInvalid(reason: string): void;
}

/**
 * Reads the header, and returns the bytes after it to the socket. Returns a function that closes the connection while the header
 * is incomplete.
 */
function readHeader(
  socket: Socket,
  limitMs: number,
  { onSettled, onHeader, onInvalid }: HeaderEvents,
): (reason: string) => void {
  let received: Buffer = Buffer.alloc(0);
  const settle = () => {
    clearTimeout(timer);
    socket.off('readable', onReadable).off('end', onEnd).off('error', onEnd).off('close', onEnd);
    onSettled();
  };
  const refuse = (reason: string) => {
    settle();
    // A socket error without a listener would end the process.
    socket.on('error', () => {});
    socket.destroy();
    onInvalid(reason);
  };
  const timer = setTimeout(() => refuse(`no header within ${limitMs} ms`), limitMs);
  const onEnd = () => {
    if (received.length > 0) return refuse('the connection ended within the header');
    settle();
    socket.on('error', () => {});
    socket.destroy();
  };
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const parsed = parseProxyHeader(received);
    if (parsed.kind === 'incomplete') return;
    if (parsed.kind === 'invalid') return refuse(parsed.reason);
    settle();
    if (received.length > parsed.length) socket.unshift(received.subarray(parsed.length));
    onHeader(parsed.client);
  };
  socket.on('readable', onReadable).on('end', onEnd).on('error', onEnd).on('close', onEnd);
  return refuse;
}

/** Makes the socket report the client's address as its remote address. */
function setClientAddress(socket: Socket, { address, port, family }: ProxiedClient): void {
  Object.defineProperties(socket, {
    remoteAddress: { value: address },
    remotePort: { value: port },
    remoteFamily: { value: family },
  });
}

/**
 * Gives TLS sockets the client addresses of their connections. A TLS socket is another object than the connection below it, so
 * both are matched by their addresses and ports.
 */
function passThroughTls(server: TlsServer, onUnknownClient: (socket: TLSSocket) => void) {
  const clients = new Map<string, ProxiedClient | undefined>();
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const addresses = addressesOf(socket);
    const client = clients.get(addresses);
    if (client !== undefined) setClientAddress(socket, client);
    else if (clients.has(addresses)) onUnknownClient(socket);
  });
  return {
    add(socket: Socket, client: ProxiedClient | undefined): void {
      const addresses = addressesOf(socket);
      clients.set(addresses, client);
      socket.once('close', () => clients.delete(addresses));
    },
  };
}

function addressesOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
