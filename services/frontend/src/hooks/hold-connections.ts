// Something that is to happen to a connection before the server sees it.
import type { Server, Socket } from 'node:net';

/** The server gets a connection when `accept` is called. To be called before the server listens; the last one called comes first. */
export function holdConnections(server: Server, hold: (socket: Socket, accept: () => void) => void): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) =>
    hold(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    }),
  );
}
