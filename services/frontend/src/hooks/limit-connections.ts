// Limits the connections of one client address (in IPv6: one network), since each costs some kilobytes and a descriptor.
import type { Server, Socket } from 'node:net';
import { networkOf } from '@cistern/auth';
import type { LimitMetrics } from '@cistern/telemetry';

export interface ConnectionLimit {
  /** The most connections of one address. */
  readonly max: number;
  /** Whether a connection does not count, such as that of a proxy, which serves many clients. */
  readonly isUnlimited: (socket: Socket) => boolean;
  readonly metrics: LimitMetrics;
}

/**
 * Must be called on an HTTP or HTTPS server before it listens, and before `acceptProxiedConnections`, so that it counts clients and
 * not proxies. With HTTPS a connection counts before its handshake, which its client may never finish.
 */
export function limitConnections(server: Server, { max, isUnlimited, metrics }: ConnectionLimit): void {
  const open = new Map<string, number>();
  holdConnections(server, (socket, accept) => {
    if (isUnlimited(socket)) return accept();
    const client = networkOf(socket.remoteAddress ?? '');
    const count = (open.get(client) ?? 0) + 1;
    if (count > max) {
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
 * Holds each connection until `accept` is called. Must be called before the server listens. The last hold that was added runs first.
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
