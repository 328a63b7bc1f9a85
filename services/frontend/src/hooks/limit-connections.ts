// Limits the open connections of one client address (in IPv6: one network), because each connection costs some kilobytes and a
// file descriptor.
import type { Server, Socket } from 'node:net';
import { networkOf } from '@cistern/auth';
import type { LimitMetrics } from '@cistern/telemetry';

export interface ConnectionLimit {
  /** Returns the most connections of one address. A change applies to new connections. */
  readonly max: () => number;
  /** Returns true if the connection must not count, such as that of a proxy, which serves many clients. */
  readonly isUncounted: (socket: Socket) => boolean;
  /** Returns true if connections of this address have no limit. */
  readonly isExcepted: (address: string) => boolean;
  readonly metrics: LimitMetrics;
}

/**
 * Must be called before the HTTP or HTTPS server listens, and before `acceptProxiedConnections`, so that clients are counted and
 * not their proxies. With HTTPS, a connection counts from before its TLS handshake, because a client may never finish the
 * handshake.
 */
export function limitConnections(server: Server, { max, isUncounted, isExcepted, metrics }: ConnectionLimit): void {
  const open = new Map<string, number>();
  holdConnections(server, (socket, accept) => {
    if (isUncounted(socket)) return accept();
    const { remoteAddress = '' } = socket;
    // Connections of an excepted client must not count for other clients of its network.
    const client = isExcepted(remoteAddress) ? remoteAddress : networkOf(remoteAddress);
    const count = (open.get(client) ?? 0) + 1;
    if (count > max() && !isExcepted(remoteAddress)) {
      metrics.limited.inc({ limit: 'connections' });
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    open.set(client, count);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
    accept();
  });
}

/**
 * Calls `hold` with each new connection. The server gets the connection only after `accept` is called. Must be called before the
 * server listens. If `holdConnections` is called several times, the last `hold` runs first.
 */
export function holdConnections(server: Server, hold: (socket: Socket, accept: () => void) => void): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) =>
    hold(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    }),
  );
}
