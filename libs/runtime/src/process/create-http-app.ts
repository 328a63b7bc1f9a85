// HTTP servers of Node.js and of Fastify, with nothing in memory that they do not use.
import type { RequestListener, Server } from 'node:http';
import type { Logger } from '@cistern/telemetry';
import type { FastifyServerOptions } from 'fastify';
import type { HttpApp } from './listen.ts';

/**
 * Node's HTTP server. A module that imports it has the client behind `fetch` loaded with it, which takes 5 MB of every process
 * that does.
 */
export const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

/** A bare server of Node.js in the shape of a Fastify instance, as listeners have it. */
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

/** What is needed of a Fastify instance that is ready and does not listen by itself. */
export interface LateApp {
  readonly routing: RequestListener;
  close(): Promise<unknown>;
}

/**
 * A listener whose app is made with the first request. A server with many routes that few processes are ever asked for would
 * take memory of all of them. If `open` rejects that request gets 500, and the next one calls it again.
 */
export function createLateHttpApp(open: () => Promise<LateApp>, log: Pick<Logger, 'error'>): HttpApp {
  let opened: Promise<LateApp> | undefined;
  const server = createHttpServer((request, response) => {
    opened ??= open();
    opened.then(
      ({ routing }) => routing(request, response),
      (error: unknown) => {
        opened = undefined;
        log.error({ err: error }, 'a listener has nothing to answer with');
        response.writeHead(500).end();
      },
    );
  });
  const app = createHttpApp(server);
  return {
    ...app,
    // The app first: it ends answers that would go on for as long as somebody listens.
    async close() {
      const closed = app.close();
      await opened?.then((late) => late.close()).catch(() => {});
      await closed;
    },
  };
}

function refuse(): never {
  throw new Error('a route of this server has a schema, which nothing here would hold it to');
}

/**
 * For Fastify servers whose routes have no schemas: its default compiler of these has 100 files, which every process would load.
 */
export const withoutSchemas = {
  schemaController: { compilersFactory: { buildValidator: () => refuse, buildSerializer: () => refuse } },
} satisfies FastifyServerOptions;
