// A pool of connections for reading bodies. It keeps a limited number of free connections. If a reader waits and the
// pool is full, the pool closes a connection whose body is not being read.
import { type BodyConnection, type BodyConnectionOptions, openBodyConnection } from '@cistern/streams';
import { closedError, noFreeConnection, S3TransportError } from './create-s3-transport.ts';

export interface BodyPoolOptions extends Pick<BodyConnectionOptions, 'secure' | 'timeoutMs' | 'onSilent'> {
  readonly maxConnections: number;
}

/** Address of the S3 server. All connections of a pool have the same. */
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
/** Time without a read after which a connection may be closed. A reader at a normal speed reads more often. */
const unreadMs = 100;
/**
 * A read waits for this number of bytes, because reading each packet separately is expensive. The wait is short,
 * because the S3 server already has the whole body.
 */
const enoughBytes = 64 * 1024;

export function createBodyPool({ maxConnections, ...common }: BodyPoolOptions) {
  const open = new Set<BodyConnection>();
  const free: BodyConnection[] = [];
  const waiting = new Set<Waiting>();
  /** Connections that are being closed for waiting readers. */
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

  /**
   * Closes the connections whose bodies have not been read for the longest time, one for each waiting reader. The
   * readers of these bodies resume at their positions.
   */
  function endUnread(): void {
    looking = undefined;
    while (waiting.size > ending.size) {
      const { longest, sinceMs } = longestUnread();
      if (longest === undefined || performance.now() - sinceMs < unreadMs) {
        looking = setTimeout(endUnread, unreadMs);
        return;
      }
      ending.add(longest);
      longest.destroy(new S3TransportError('UNREAD', 'another reader needs the connection'));
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
    /**
     * Calls `onTaken` with a free or new connection, or `onError` if no connection becomes free within the timeout.
     * Calls only one of the two, and only one time.
     */
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
    /** Closes all connections and rejects later calls. */
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
