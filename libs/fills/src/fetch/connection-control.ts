// Decides how many connections the fills of a worker may have to each upstream host. CDNs throttle connections, not clients, so
// more connections often fetch a blob faster. The controller measures whether they do (decision 0068).
import { createHostConnections, type HostConnections } from './host-connections.ts';

/** Each worker has one. It has no timers: fills drive it with the bytes that they receive. */
export interface ConnectionControl {
  /** `host` is the server that sends the bytes, after redirects (`UpstreamBlobBody.host`). The fill calls `leave` at its end. */
  enter(host: string, options: FillConnectionsOptions): FillConnections;
}

export interface FillConnectionsOptions {
  /** The upstream's `connectionsPerBlob`. */
  readonly max: number;
  /** Whether a client waits for the fill. A background fill has one connection. The value may change at any time. */
  readonly mayProbe: () => boolean;
}

export interface FillConnections {
  /**
   * Connections that this fill may have now, 1 … `max`. When the number falls, the fill starts no further request and aborts
   * none.
   */
  readonly allowed: number;
  /**
   * The last of those is on trial. Short requests for it let the next trial start soon, should this one end without a verdict.
   */
  readonly isOnTrial: boolean;
  /** Counts bytes that upstream has sent for this fill. */
  received(bytes: number): void;
  /** Readers, hash, disk or window block the fill until it calls the returned function, once. Calls may overlap. */
  blocked(): () => void;
  /** Sets the number of open connections: upstream has responded, and the body has not ended. Called with each change. */
  opened(count: number): void;
  /** The `host` refused an extra connection, or our own `cap` had no slot for it. */
  refused(by: 'host' | 'cap'): void;
  /** Bytes by several connections were wrong: the host's servers may disagree. Each fill gets one connection for ten minutes. */
  mismatched(): void;
  leave(): void;
}

export function createConnectionControl(): ConnectionControl {
  const hosts = new Map<string, HostConnections>();
  return {
    enter(host, options) {
      // Upstreams choose the hosts by redirects, so the map must not grow with them.
      for (const [name, one] of hosts) if (one.isForgotten()) hosts.delete(name);
      const connections = hosts.get(host) ?? createHostConnections();
      hosts.set(host, connections);
      return connections.enter(options);
    },
  };
}
