// Connections to workers. Each response has its own connection. The body is read from the socket directly into the buffers of the
// reader. Copies would be slow, because frontends forward all bytes of content that is not cached.
import { type BodyConnection, openBodyConnection, type ResponseHead } from '@cistern/streams';

/**
 * TLS settings, in PEM, for workers whose address begins with `https:`. If the workers require a client certificate,
 * `certificate` and `key` are also necessary.
 */
export interface PeerTls {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface PeerAnswer {
  readonly head: ResponseHead;
  /** See `BodyConnection`. The caller reads the body to its end, or destroys it. */
  readonly body: Pick<BodyConnection, 'read' | 'destroy'>;
}

interface PeerGetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Also ends a response that has begun. */
  readonly signal: AbortSignal;
  /** The longest time for which the worker may send nothing while a reader waits. */
  readonly timeoutMs: number;
}

export interface PeerConnections {
  /** `url` is for example `http://10.0.0.1:5002/path?query`. Rejects if the connection fails, or with the reason of `signal`. */
  get(url: string, options: PeerGetOptions): Promise<PeerAnswer>;
  /** Ends all open responses, and rejects later requests. */
  close(): void;
}

/** The time limit for a new connection. A frontend loses this time if the worker's machine is dead. */
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
  return new Error('the connections to workers are closed');
}
