// Behind a load balancer that passes connections on, every client has the balancer's address. With the PROXY protocol each
// connection begins with a header that tells the client's own; from then on the connection looks as if it came from there.
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer, type TLSSocket } from 'node:tls';
import type { Logger } from '@cistern/telemetry';
import { createAddressList } from '@cistern/auth';
import { holdConnections } from '../hooks/limit-connections.ts';
import { parseProxyHeader, type ProxiedClient } from './parse-proxy-header.ts';

export interface ProxiedConnectionsOptions {
  /**
   * Addresses and networks whose connections must begin with a header; from all others none is expected and none is
   * believed. A connection over a Unix socket has no address and must begin with one.
   */
  readonly trustedProxies: readonly string[];
  readonly log: Logger;
  /** A header that takes longer is none. The specification wants at least 3 s, for a packet that is sent again. */
  readonly headerLimitMs?: number;
  /** That many connections may wait for their header. One more closes the one that waits longest: headers are sent at once. */
  readonly maxWaiting?: number;
  /** Gets each connection whose header names its client. */
  readonly onNamed?: (socket: Socket) => void;
}

/** To be called on an HTTP or HTTPS server before it listens. With HTTPS the header comes before the handshake. */
export function acceptProxiedConnections(server: Server, options: ProxiedConnectionsOptions): void {
  const { log, headerLimitMs = 5000, maxWaiting = 1024, onNamed } = options;
  const isTrusted = createAddressList(options.trustedProxies);
  /** Those of whom the header names no client. */
  const nameless = new WeakSet<Socket>();
  const clientsBehindTls =
    server instanceof TlsServer ? passThroughTls(server, (socket) => nameless.add(socket)) : undefined;
  /** The one that waits longest is the first. */
  const waiting = new Map<Socket, (reason: string) => void>();

  server.prependListener('request', ({ socket, headers }: IncomingMessage) => {
    if (!nameless.has(socket)) return;
    // The balancer passed an unknown client's bytes on: these headers are that client's own word.
    for (const name of ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']) delete headers[name];
  });

  holdConnections(server, (socket, accept) => {
    const { remoteAddress } = socket;
    if (remoteAddress !== undefined && !isTrusted(remoteAddress)) return accept();
    const refuse = readHeader(socket, headerLimitMs, {
      onSettled: () => waiting.delete(socket),
      onHeader(client) {
        clientsBehindTls?.add(socket, client);
        if (client === undefined) nameless.add(socket);
        else {
          disguise(socket, client);
          onNamed?.(socket);
        }
        accept();
      },
      onInvalid(reason) {
        log.warn({ remoteAddress, reason }, 'closed a connection without a PROXY header');
      },
    });
    waiting.set(socket, refuse);
    const [longest] = waiting.values();
    if (waiting.size > maxWaiting) longest?.(`${maxWaiting} others came before it`);
  });
}

interface HeaderEvents {
  /** Before each of the others, and when the connection ends before its first byte. */
  onSettled(): void;
  onHeader(client: ProxiedClient | undefined): void;
  /** The socket is destroyed. */
  onInvalid(reason: string): void;
}

/** Takes the header off and puts back what came behind it. Returns a function that gives up before there is one. */
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
    // An error of a socket that nobody listens to would end the process.
    socket.on('error', () => {});
    socket.destroy();
    onInvalid(reason);
  };
  const timer = setTimeout(() => refuse(`there was none after ${limitMs} ms`), limitMs);
  const onEnd = () => {
    if (received.length > 0) return refuse('it ended within one');
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

/** From now on the socket tells the client's address for its own. */
function disguise(socket: Socket, { address, port, family }: ProxiedClient): void {
  Object.defineProperties(socket, {
    remoteAddress: { value: address },
    remotePort: { value: port },
    remoteFamily: { value: family },
  });
}

/** A TLS socket is another object than the connection below it; both show the same ends. */
function passThroughTls(server: TlsServer, onNameless: (socket: TLSSocket) => void) {
  const clients = new Map<string, ProxiedClient | undefined>();
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const ends = endsOf(socket);
    const client = clients.get(ends);
    if (client !== undefined) disguise(socket, client);
    else if (clients.has(ends)) onNameless(socket);
  });
  return {
    add(socket: Socket, client: ProxiedClient | undefined): void {
      const ends = endsOf(socket);
      clients.set(ends, client);
      socket.once('close', () => clients.delete(ends));
    },
  };
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
