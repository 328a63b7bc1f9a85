// Many connections to one port at once, which do nothing by themselves.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** All of them connected, some hundred at a time. The caller destroys them; none throws when the other side closes it. */
export async function openSockets(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(200, count - sockets.length) }, () =>
      connect({ port, host: '127.0.0.1' }),
    );
    await Promise.all(batch.map((socket) => once(socket, 'connect')));
    // What comes is read and dropped, so that an end is noticed.
    for (const socket of batch) socket.on('error', () => {}).resume();
    sockets.push(...batch);
  }
  return sockets;
}
