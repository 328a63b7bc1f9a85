// The connections on which bodies are read: kept while they are of use, and never more than a limit. A body that
// is not read at the moment gives its connection up to a reader that waits for one.
import { type BodyConnection, type BodyConnectionOptions, openBodyConnection } from '@cistern/streams';
import { closedError, noFreeConnection, S3TransportError } from './create-s3-transport.ts';

export interface BodyPoolOptions extends Pick<BodyConnectionOptions, 'secure' | 'timeoutMs' | 'onSilent'> {
  readonly maxConnections: number;
}

/** All of one pool have the same. */
interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

interface Waiting {
  readonly onTaken: (connection: BodyConnection) => void;
  readonly onError: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const maxFree = 64;
/** Readers at a usual pace read more often than that. */
const unreadMs = 100;
/** A piece a packet is dear, and a store is not waited for: it has the whole body already. */
const enoughBytes = 64 * 1024;

export function createBodyPool({ maxConnections, ...common }: BodyPoolOptions) {
  const open = new Set<BodyConnection>();
  const free: BodyConnection[] = [];
  const waiting = new Set<Waiting>();
  /** Connections that end for those who wait. */
  const ending = new Set<BodyConnection>();
  let looking: NodeJS.Timeout | undefined;
  let closed = false;

  function connect(address: ServerAddress): BodyConnection {
    const connection = openBodyConnection({
      ...common,
      ...address,
      enoughBytes,
      onFree() {
        const [next] = waiting;
        if (next !== undefined) serve(next, connection);
        else if (free.length < maxFree) free.push(connection);
        else connection.destroy(closedError());
      },
      onClose() {
        open.delete(connection);
        ending.delete(connection);
        const place = free.indexOf(connection);
        if (place >= 0) free.splice(place, 1);
        const [next] = waiting;
        if (next !== undefined && !closed) serve(next, connect(address));
      },
    });
    open.add(connection);
    return connection;
  }

  /** Breaks off what has been unread for longest, one for each that waits; its reader begins again where it was. */
  function endUnread(): void {
    looking = undefined;
    while (waiting.size > ending.size) {
      const { longest, sinceMs } = longestUnread();
      if (longest === undefined || performance.now() - sinceMs < unreadMs) {
        looking = setTimeout(endUnread, unreadMs);
        return;
      }
      ending.add(longest);
      longest.destroy(new S3TransportError('UNREAD', 'others need the connection'));
    }
  }

  function longestUnread() {
    let longest: BodyConnection | undefined;
    let sinceMs = Infinity;
    for (const connection of open) {
      const { unreadSinceMs = Infinity } = connection;
      if (unreadSinceMs < sinceMs) [longest, sinceMs] = [connection, unreadSinceMs];
    }
    return { longest, sinceMs };
  }

  function serve(next: Waiting, connection: BodyConnection): void {
    clearTimeout(next.timer);
    waiting.delete(next);
    next.onTaken(connection);
  }

  return {
    /** Calls one of both, once: with a connection that is new or free, or if none becomes free within the timeout. */
    take(address: ServerAddress, onTaken: Waiting['onTaken'], onError: Waiting['onError']): void {
      if (closed) return onError(closedError());
      const connection = free.pop() ?? (open.size < maxConnections ? connect(address) : undefined);
      if (connection !== undefined) return onTaken(connection);
      const timer = setTimeout(() => {
        waiting.delete(next);
        onError(noFreeConnection(common.timeoutMs));
      }, common.timeoutMs);
      const next: Waiting = { onTaken, onError, timer };
      waiting.add(next);
      if (looking === undefined) endUnread();
    },
    /** Breaks everything off and refuses what comes later. */
    close(): void {
      closed = true;
      clearTimeout(looking);
      for (const { timer, onError } of waiting) {
        clearTimeout(timer);
        onError(closedError());
      }
      waiting.clear();
      for (const connection of open) connection.destroy(closedError());
    },
  };
}
