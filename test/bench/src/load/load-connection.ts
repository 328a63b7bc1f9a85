// One connection of a load: it sends a request at a time and checks the response.
import { createConnection } from 'node:net';
import { createResponseReader, type Expected } from './response-reader.ts';
import { acceptedTypes } from './wrk.ts';

export interface LoadConnectionOptions extends Expected {
  readonly url: string;
  /** Is called for each complete response. */
  answered(): void;
  /** Is called if a response is wrong or the connection ends. */
  failed(error: Error): void;
}

export interface LoadConnection {
  /** Sends the next request. The last one must have been answered. */
  send(): void;
  /** Received so far. */
  bytes(): number;
  close(): void;
}

const pieceBytes = 64 * 1024;

/** Resolves when the connection is open, and rejects if it cannot be opened. The caller closes it. */
export function openLoadConnection(options: LoadConnectionOptions): Promise<LoadConnection> {
  const { hostname, port, host, pathname } = new URL(options.url);
  const request = `${options.method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${acceptedTypes}\r\n\r\n`;
  const isComplete = createResponseReader(options);
  const buffer = Buffer.allocUnsafe(pieceBytes);
  let received = 0;
  const callback = (bytes: number) => {
    received += bytes;
    try {
      if (isComplete(buffer.subarray(0, bytes))) options.answered();
    } catch (error) {
      options.failed(error as Error);
    }
    return true;
  };
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: hostname, port: Number(port), onread: { buffer, callback } });
    socket.once('connect', () => {
      socket.setNoDelay();
      resolve({
        send: () => void socket.write(request, 'latin1'),
        bytes: () => received,
        close: () => socket.destroy(),
      });
    });
    socket.once('error', reject);
    socket.once('close', () => options.failed(new Error('a connection was closed')));
  });
}
