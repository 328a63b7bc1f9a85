// The connections on which bodies are read: kept while they are of use, and never more than a limit.
import { type BodyConnection, type BodyConnectionOptions, openBodyConnection } from '@cistern/streams';
import { closedError, noFreeConnection } from './create-s3-transport.ts';

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
/** A piece a packet is dear, and a store is not waited for: it has the whole body already. */
const enoughBytes = 64 * 1024;

export function createBodyPool({ maxConnections, ...common }: BodyPoolOptions) {
  const open = new Set<BodyConnection>();
  const free: BodyConnection[] = [];
  const waiting = new Set<Waiting>();
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
        const place = free.indexOf(connection);
        if (place >= 0) free.splice(place, 1);
        const [next] = waiting;
        if (next !== undefined && !closed) serve(next, connect(address));
      },
    });
    open.add(connection);
    return connection;
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
    },
    /** Breaks everything off and refuses what comes later. */
    close(): void {
      closed = true;
      for (const { timer, onError } of waiting) {
        clearTimeout(timer);
        onError(closedError());
      }
      waiting.clear();
      for (const connection of open) connection.destroy(closedError());
    },
  };
}
