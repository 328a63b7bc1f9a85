// A bare server of Node.js in the shape of a Fastify instance, as listeners have it.
import type { Server } from 'node:http';
import type { HttpApp } from './listen.ts';

export function createHttpApp(server: Server): HttpApp {
  return {
    server,
    listen: (options) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options, () => {
          server.off('error', reject);
          resolve('');
        });
      }),
    // A server that never listened has nothing to close.
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
