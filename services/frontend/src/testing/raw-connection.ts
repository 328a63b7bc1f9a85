// A raw TCP connection, for tests of behaviour that an HTTP client hides: pauses, aborts, pipelining, and the end of a
// connection.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface RawConnection {
  readonly socket: Socket;
  /** Returns all bytes received so far. */
  received(): Buffer;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
}

/** If `paused` is true, the connection reads nothing before `socket.resume()` is called. */
export async function openRawConnection(t: TestContext, port: number, paused = false): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1' });
  const chunks: Buffer[] = [];
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (paused) socket.pause();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  await once(socket, 'connect');
  return { socket, received: () => Buffer.concat(chunks), closed };
}

export function requestText(path: string, headers: readonly string[] = [], version = '1.1'): string {
  return [`GET ${path} HTTP/${version}`, 'Host: cache.test', ...headers, '', ''].join('\r\n');
}
