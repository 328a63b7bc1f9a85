// Decides how many connections the fills of a worker may have to each upstream host. CDNs often throttle each connection, so a
// blob arrives faster over several connections. The controller measures whether that is true for a host (decision 0068).
import { createHostConnections, type HostConnections } from './host-connections.ts';

/** Each worker has one control. The control has no timers, because it decides whenever a fill reports received bytes. */
export interface ConnectionControl {
  /**
   * `host` is the server that sends the bytes, after redirects (`UpstreamBlobBody.host`). The fill calls `leave` when it ends.
   */
  enter(host: string, options: FillConnectionsOptions): FillConnections;
}

export interface FillConnectionsOptions {
  /** The upstream's `connectionsPerBlob`. */
  readonly max: number;
  /**
   * Returns whether a client waits for the fill. If none does, the fill gets only one connection. The result can change at any
   * time.
   */
  readonly mayProbe: () => boolean;
}

export interface FillConnections {
  /**
   * The number of connections that this fill is allowed now, from 1 to `max`. If the number falls, the fill starts no further
   * request, but does not abort any.
   */
  readonly allowed: number;
  /**
   * True if the last of these connections is on trial. The fill should then send short requests, so that the next trial can
   * start soon if this one ends without a result.
   */
  readonly isOnTrial: boolean;
  /** Counts bytes that upstream has sent for this fill. */
  received(bytes: number): void;
  /**
   * Called when the fill stops receiving because of its readers, hash, disk or window. The fill calls the returned function one
   * time when it continues. Calls can overlap.
   */
  blocked(): () => void;
  /**
   * Sets the number of open connections, on which upstream has responded and the body has not ended. Called after each change.
   */
  opened(count: number): void;
  /**
   * Called if an extra connection failed. `host` means that the host refused it, and `cap` that our own limit for the upstream
   * was reached.
   */
  refused(by: 'host' | 'cap'): void;
  /**
   * Called if bytes from several connections were wrong, because the host's servers may send different content. Each fill then
   * gets only one connection for ten minutes.
   */
  mismatched(): void;
  leave(): void;
}

export function createConnectionControl(): ConnectionControl {
  const hosts = new Map<string, HostConnections>();
  return {
    enter(host, options) {
      // Redirects can name any number of hosts, so the map forgets the hosts that are no longer used.
      for (const [name, one] of hosts) if (one.isForgotten()) hosts.delete(name);
      const connections = hosts.get(host) ?? createHostConnections();
      hosts.set(host, connections);
      return connections.enter(options);
    },
  };
}
