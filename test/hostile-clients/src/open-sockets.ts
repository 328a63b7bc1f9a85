// Opens many idle connections to one port.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Connects all of them, some hundred at a time. The caller destroys them. None throws when the server closes it. */
export async function openSockets(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(200, count - sockets.length) }, () =>
      connect({ port, host: '127.0.0.1' }),
    );
    await Promise.all(batch.map((socket) => once(socket, 'connect')));
    // Received bytes are dropped, so that the end of the connection is noticed.
    for (const socket of batch) socket.on('error', () => {}).resume();
    sockets.push(...batch);
  }
  return sockets;
}
