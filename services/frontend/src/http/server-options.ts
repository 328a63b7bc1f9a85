// The limits of the HTTP server towards clients, and why each is what it is. How many connections there may be is the
// load balancer's to say.
import type { Server } from 'node:http';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { withoutSchemas } from '@cistern/runtime/process';
import { replyWithError } from './error-reply.ts';

/** Neither side has said anything for so long: containerd has given up by then, and every fill has its own deadlines. */
export const silenceTimeoutMs = 300_000;

export const serverOptions = {
  ...withoutSchemas,
  connectionTimeout: silenceTimeoutMs,
  // Longer than a load balancer keeps an idle connection (60 s is customary), so that it is never the server who closes
  // one just as a request is sent on it.
  keepAliveTimeout: 75_000,
  // A read has no body: a request is there at once or its sender is stuck.
  requestTimeout: 30_000,
  // The smallest that Fastify takes; bodies are never read.
  bodyLimit: 1,
  http: {
    headersTimeout: 20_000,
    // How exactly the two above are kept.
    connectionsCheckingInterval: 5000,
    // podman asks for up to 1,024 ranges of a zstd:chunked layer in one header, of some 22 KiB.
    maxHeaderSize: 64 * 1024,
  },
  // Our own parser says what is too long.
  routerOptions: { maxParamLength: 32 * 1024 },
  exposeHeadRoutes: false,
  // A request that comes in while the server drains is answered, with `Connection: close`, instead of a 503.
  return503OnClosing: false,
  logger: false,
} as const satisfies FastifyHttpOptions<Server>;

/**
 * For the few routes that read a body, all of this scope. It is bytes or text whatever its type, and the answer to a too large
 * one says so.
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
