// Connections to workers, one for each answer. A body is read from the socket right into the reader's own buffers: a frontend
// passes on every byte of every cold pull.
import { type BodyConnection, openBodyConnection, type ResponseHead } from '@cistern/streams';

/** For workers whose address begins with `https:`. PEM; `certificate` and `key` where they ask for a certificate. */
export interface PeerTls {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface PeerAnswer {
  readonly head: ResponseHead;
  /** As `BodyConnection`'s. Read to its end, or destroyed. */
  readonly body: Pick<BodyConnection, 'read' | 'destroy'>;
}

interface PeerGetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Breaks off the answer, too. */
  readonly signal: AbortSignal;
  /** How long the worker may be silent while a reader waits for it. */
  readonly timeoutMs: number;
}

export interface PeerConnections {
  /** `url`: `http://10.0.0.1:5002/path?query`. Rejects when the connection fails, or with the reason of `signal`. */
  get(url: string, options: PeerGetOptions): Promise<PeerAnswer>;
  /** Breaks off whatever is still open, and refuses what comes later. */
  close(): void;
}

/** Also the wait that a dead machine costs. */
export const connectMs = 1_000;

export function openPeerConnections(tls?: PeerTls): PeerConnections {
  const open = new Set<BodyConnection>();
  let closed = false;

  const connect = ({ protocol, hostname, port }: URL, { signal, timeoutMs }: PeerGetOptions): BodyConnection => {
    const onAbort = () => connection.destroy(signal.reason as Error);
    const secure = protocol === 'https:';
    const connection = openBodyConnection({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || (secure ? 443 : 80)),
      secure,
      tls: { ca: tls?.ca, cert: tls?.certificate, key: tls?.key },
      timeoutMs,
      connectMs,
      onClose() {
        open.delete(connection);
        signal.removeEventListener('abort', onAbort);
      },
    });
    open.add(connection);
    signal.addEventListener('abort', onAbort);
    return connection;
  };

  return {
    async get(url, options) {
      options.signal.throwIfAborted();
      if (closed) throw closedError();
      const { promise, resolve, reject } = Promise.withResolvers<PeerAnswer>();
      const place = new URL(url);
      const connection = connect(place, options);
      connection.request(formatGet(place, options.headers), {
        onHead(head) {
          resolve({ head, body: connection });
          return undefined;
        },
        onError: reject,
      });
      return promise;
    },
    close() {
      closed = true;
      for (const connection of open) connection.destroy(closedError());
    },
  };
}

function formatGet({ pathname, search, host }: URL, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host, connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function closedError(): Error {
  return new Error('the connections to workers have been closed');
}
