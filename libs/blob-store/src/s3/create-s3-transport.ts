// Sends the HTTP requests of `minio` with timeouts. `minio` has no timeouts of its own, so it would wait forever for a
// silent S3 server.
import * as http from 'node:http';
import * as https from 'node:https';
import type { ClientOptions } from 'minio';
import type { Silence } from './watch-silence.ts';

/**
 * Statuses for which `minio` throws an error without a code. It also leaves the body unread, so the connection cannot
 * be used again (minio 8.0.7, `retryHttpCodes`).
 */
export const mishandledStatuses: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

export interface S3TransportOptions {
  readonly secure: boolean;
  /** How long a request waits for a free connection, and then for each next byte of the S3 server. */
  readonly timeoutMs: number;
  readonly maxConnections: number;
  /** Its `suspect` is called at each timeout. While the S3 server is silent, all requests fail immediately. */
  readonly silence: Silence;
}

export interface S3Transport {
  readonly clientOptions: Pick<ClientOptions, 'transport' | 'transportAgent'>;
  /** Aborts all requests and rejects later ones. */
  close(): void;
}

export function createS3Transport({ secure, timeoutMs, maxConnections, silence }: S3TransportOptions): S3Transport {
  const protocol = secure ? https : http;
  const agent = new protocol.Agent({ keepAlive: true, maxSockets: maxConnections, maxFreeSockets: 64 });
  const underWay = new Set<(error: Error) => void>();
  let closed = false;

  function request(options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void) {
    if (closed) throw closedError();
    if (silence.isSilent()) throw new S3TransportError('SILENT', 'the S3 server has not responded recently');
    const sent = protocol.request({ ...options, timeout: timeoutMs });
    let received: http.IncomingMessage | undefined;
    const end = (error: Error) => {
      if (received !== undefined || sent.socket !== null) return (received ?? sent).destroy(error);
      // `destroy(error)` of a request without a connection would report the error only after the request gets a
      // connection.
      sent.destroy();
      return sent.emit('error', error);
    };
    // A request without a socket has no timeout of its own.
    const waiting = setTimeout(() => end(noFreeConnection(timeoutMs)), timeoutMs);
    underWay.add(end);
    sent.once('socket', () => clearTimeout(waiting));
    sent.once('close', () => {
      clearTimeout(waiting);
      underWay.delete(end);
    });
    sent.on('timeout', () => {
      silence.suspect();
      end(new S3TransportError('SILENT', `no byte for ${timeoutMs} ms`));
    });
    sent.once('response', (response) => {
      received = response;
      const { statusCode = 0 } = response;
      if (!mishandledStatuses.has(statusCode)) return onResponse(response);
      response.on('error', () => {}).resume();
      return sent.emit(
        'error',
        new S3TransportError(`HTTP ${statusCode}`, `the S3 server responded with ${statusCode}`),
      );
    });
    return sent;
  }

  return {
    // `minio` uses only `request` of a transport, and passes the agent to it.
    clientOptions: { transport: { request: request as typeof http.request }, transportAgent: agent },
    close() {
      closed = true;
      for (const end of underWay) end(closedError());
      agent.destroy();
    },
  };
}

/** An error that a transport detects. It has a `code`, like a system error. */
export class S3TransportError extends Error {
  override readonly name = 'S3TransportError';
  readonly code: 'SILENT' | 'NO_FREE_CONNECTION' | 'UNREAD' | 'CLOSED' | `HTTP ${number}`;

  constructor(code: S3TransportError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export function closedError(): S3TransportError {
  return new S3TransportError('CLOSED', 'the store is closed');
}

export function noFreeConnection(timeoutMs: number): S3TransportError {
  return new S3TransportError('NO_FREE_CONNECTION', `no connection became free in ${timeoutMs} ms`);
}
