// Creates HTTP servers of Node.js and Fastify that load no unused code.
import type { RequestListener, Server } from 'node:http';
import type { Logger } from '@cistern/telemetry';
import type { FastifyServerOptions } from 'fastify';
import type { HttpApp } from './listen.ts';

/**
 * Creates an HTTP server of Node.js. Importing `node:http` as a module would also load the client behind `fetch`, which
 * takes 5 MB in every process.
 */
export const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

/** Wraps a bare server of Node.js in the shape of a Fastify instance, which listeners need. */
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

/** The needed part of a Fastify instance that is ready and does not listen itself. */
export interface LazyApp {
  readonly routing: RequestListener;
  close(): Promise<unknown>;
}

/**
 * Creates a listener whose app is created with the first request. This saves memory, because most processes never get a
 * request for it. If `open` rejects, the request gets 500, and the next one calls `open` again.
 */
export function createLazyHttpApp(open: () => Promise<LazyApp>, log: Pick<Logger, 'error'>): HttpApp {
  let opened: Promise<LazyApp> | undefined;
  const server = createHttpServer((request, response) => {
    opened ??= open();
    opened.then(
      ({ routing }) => routing(request, response),
      (error: unknown) => {
        opened = undefined;
        log.error({ err: error }, 'failed to initialize listener');
        response.writeHead(500).end();
      },
    );
  });
  const app = createHttpApp(server);
  return {
    ...app,
    // The app also ends responses that would otherwise last as long as their client.
    async close() {
      const closed = app.close();
      await opened?.then((lazy) => lazy.close()).catch(() => {});
      await closed;
    },
  };
}

function rejectSchema(): never {
  throw new Error('a route of this server has a schema, and this server does not enforce schemas');
}

/**
 * Options for Fastify servers whose routes have no schemas. The default compiler of schemas has 100 files, which every
 * process would load.
 */
export const withoutSchemas = {
  schemaController: { compilersFactory: { buildValidator: () => rejectSchema, buildSerializer: () => rejectSchema } },
} satisfies FastifyServerOptions;
