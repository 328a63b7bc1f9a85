// How many connections a worker's fills may have to each upstream host. CDNs throttle connections, not clients, so more of them
// bring a blob sooner. Whether they do is measured (decision 0068).
import { createHostConnections, type HostConnections } from './host-connections.ts';

/** One per worker. It has no timers: fills drive it with the bytes that they get. */
export interface ConnectionControl {
  /** `host`: who sends the bytes, after redirects (`UpstreamBlobBody.host`). The fill calls `leave` at its end. */
  enter(host: string, options: FillConnectionsOptions): FillConnections;
}

export interface FillConnectionsOptions {
  /** The upstream's `connectionsPerBlob`. */
  readonly max: number;
  /** Whether a client waits for the fill. A background fill has one connection. May change at any time. */
  readonly mayProbe: () => boolean;
}

export interface FillConnections {
  /** Connections that this fill may have now, 1 … `max`. Falls too: the fill then begins no further request, and breaks none off. */
  readonly allowed: number;
  /** The last of those is on trial. Short requests for it keep the next trial from waiting, should this one end without a verdict. */
  readonly isOnTrial: boolean;
  /** Bytes that have come from upstream for it. */
  received(bytes: number): void;
  /** Readers, hash, disk or window hold it up, until the returned function is called, once. Several may at a time. */
  heldUp(): () => void;
  /** How many it has open: upstream has answered, and the body has not ended. Called with each change. */
  opened(count: number): void;
  /** An extra connection was refused by the `host`, or had no place under our own `cap`. */
  refused(by: 'host' | 'cap'): void;
  /** Bytes by several connections were wrong: the host's servers may disagree. Each fill has one for ten minutes. */
  mismatched(): void;
  leave(): void;
}

export function createConnectionControl(): ConnectionControl {
  const hosts = new Map<string, HostConnections>();
  return {
    enter(host, options) {
      // Upstreams choose the hosts by redirects.
      for (const [name, one] of hosts) if (one.isForgotten()) hosts.delete(name);
      const connections = hosts.get(host) ?? createHostConnections();
      hosts.set(host, connections);
      return connections.enter(options);
    },
  };
}
