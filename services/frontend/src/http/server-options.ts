// The limits of the HTTP server for clients, and their reasons. The load balancer limits the total number of connections.
import type { Server } from 'node:http';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { withoutSchemas } from '@cistern/runtime/process';
import { replyWithError } from './error-reply.ts';

/**
 * A connection without traffic for this long is closed. By then containerd has timed out. Fills end earlier, because they have
 * deadlines of their own.
 */
export const silenceTimeoutMs = 300_000;

export const serverOptions = {
  ...withoutSchemas,
  connectionTimeout: silenceTimeoutMs,
  // Longer than a load balancer keeps an idle connection (usually 60 s). Otherwise the server could close a connection while the
  // load balancer sends a request on it.
  keepAliveTimeout: 75_000,
  // GET and HEAD requests have no body, so a request that takes longer is from a client that hangs.
  requestTimeout: 30_000,
  // Fastify's minimum, because most routes read no body. `takeBody` allows larger bodies.
  bodyLimit: 1,
  http: {
    headersTimeout: 20_000,
    // How often Node.js checks `headersTimeout` and `requestTimeout`.
    connectionsCheckingInterval: 5000,
    // podman requests up to 1,024 ranges of a zstd:chunked layer in one header, which has about 22 KiB.
    maxHeaderSize: 64 * 1024,
    // Without it, Node.js reads the body of each GET to its end, although there is none.
    optimizeEmptyRequests: true,
  },
  // Our own parser checks the length of names.
  routerOptions: { maxParamLength: 32 * 1024 },
  exposeHeadRoutes: false,
  // While the server drains, a request gets its normal response with `Connection: close`, not a 503.
  return503OnClosing: false,
  logger: false,
} as const satisfies FastifyHttpOptions<Server>;

/** Lets all routes of `app` read bodies. A body of any media type is a Buffer. A request with a larger body gets a 413. */
export function takeBody(app: FastifyInstance, bodyLimit: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, request, reply) => {
    if (error.statusCode !== 413) return replyWithError(error, request, reply);
    return reply
      .code(413)
      .send({ errors: [{ code: 'SIZE_INVALID', message: 'The body of the request is too large.' }] });
  });
}
