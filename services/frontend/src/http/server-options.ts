// The limits of the HTTP server towards clients, and their reasons. The load balancer limits the total number of connections.
import type { Server } from 'node:http';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { withoutSchemas } from '@cistern/runtime/process';
import { replyWithError } from './error-reply.ts';

/** A connection without traffic for this long is closed. By then containerd has timed out, and every fill has its own deadlines. */
export const silenceTimeoutMs = 300_000;

export const serverOptions = {
  ...withoutSchemas,
  connectionTimeout: silenceTimeoutMs,
  // This is longer than a load balancer keeps an idle connection (usually 60 s). Otherwise the server could close a connection just
  // when a request is sent on it.
  keepAliveTimeout: 75_000,
  // A read has no body, so its request arrives immediately, or its client hangs.
  requestTimeout: 30_000,
  // This is the minimum in Fastify. Bodies are never read.
  bodyLimit: 1,
  http: {
    headersTimeout: 20_000,
    // This is the precision of `headersTimeout` and `requestTimeout`.
    connectionsCheckingInterval: 5000,
    // podman requests up to 1,024 ranges of a zstd:chunked layer in one header, of some 22 KiB.
    maxHeaderSize: 64 * 1024,
  },
  // Our own parser checks the length of names.
  routerOptions: { maxParamLength: 32 * 1024 },
  exposeHeadRoutes: false,
  // A request during draining gets its normal response with `Connection: close`, not a 503.
  return503OnClosing: false,
  logger: false,
} as const satisfies FastifyHttpOptions<Server>;

/**
 * Allows bodies in all routes of `app`, for the few routes that read one. The body is a Buffer for every type. A body that is too
 * large gets a 413.
 */
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
