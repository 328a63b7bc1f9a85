// How many connections one client address (of IPv6: one network) may have at a time: each costs some kilobytes and a descriptor.
import type { Server, Socket } from 'node:net';
import { networkOf } from '@cistern/auth';
import type { LimitMetrics } from '@cistern/telemetry';

export interface ConnectionLimit {
  /** Of one address. */
  readonly max: number;
  /** Connections that do not count: those of proxies above all, which speak for many. */
  readonly isUnlimited: (socket: Socket) => boolean;
  readonly metrics: LimitMetrics;
}

/**
 * To be called on an HTTP or HTTPS server before it listens. Where PROXY headers are taken off its connections, that is arranged
 * afterwards, so that this counts clients. With HTTPS a connection counts before its handshake, which its client may never finish.
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
 * The server gets a connection when `accept` is called. To be called before the server listens; the last one called comes first.
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
