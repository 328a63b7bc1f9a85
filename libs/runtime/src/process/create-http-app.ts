// Creates HTTP servers, with Node.js alone or with Fastify, that load no unused code.
import type { RequestListener, Server } from 'node:http';
import type { Logger } from '@cistern/telemetry';
import type { FastifyServerOptions } from 'fastify';
import type { HttpApp } from './listen.ts';

/**
 * Creates an HTTP server of Node.js. Importing `node:http` as a module would also load the library behind `fetch`
 * (undici), which takes 5 MB in every process.
 */
export const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

/** Wraps a server of Node.js in the interface that listeners need, which is a part of a Fastify instance's. */
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
    // A server that never listened calls back with an error, which is ignored because there is nothing to close.
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** The part of a Fastify instance that a lazy listener needs. The instance is ready, and does not listen itself. */
export interface LazyApp {
  readonly routing: RequestListener;
  close(): Promise<unknown>;
}

/**
 * Creates a listener whose app is created with the first request. This saves memory, because most processes never get a
 * request for such an app. If `open` rejects, waiting requests get 500, and the next request calls `open` again.
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
    // `lazy.close` also ends responses that would otherwise stay open as long as their clients do.
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
 * Options for Fastify servers whose routes have no schemas. Fastify's default schema compilers have 100 files, which
 * every process would load.
 */
export const withoutSchemas = {
  schemaController: { compilersFactory: { buildValidator: () => rejectSchema, buildSerializer: () => rejectSchema } },
} satisfies FastifyServerOptions;
