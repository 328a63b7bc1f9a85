// How many connections one client address (of IPv6: one network) may have at a time: each costs some kilobytes and a descriptor.
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { networkOf } from '@cistern/auth';
import type { LimitMetrics } from '@cistern/telemetry';

export interface ConnectionLimit {
  /** Of one address. */
  readonly max: number;
  /** Addresses that may have any number: proxies above all, which speak for many. */
  readonly isUnlimited: (address: string) => boolean;
  readonly metrics: LimitMetrics;
}

/** To be called on an HTTP or HTTPS server before it listens, and before PROXY headers are taken off its connections. */
export function limitConnections(server: Server, { max, isUnlimited, metrics }: ConnectionLimit): void {
  const open = new Map<string, number>();
  // Behind TLS, a client's own address is known only once the handshake is over.
  server.prependListener(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (isUnlimited(address)) return;
    const client = networkOf(address);
    const count = (open.get(client) ?? 0) + 1;
    if (count > max) {
      metrics.limited.inc({ limit: 'connections' });
      socket.destroy();
      return;
    }
    open.set(client, count);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
  });
}
