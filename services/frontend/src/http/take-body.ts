// For the few routes that read a body: it is bytes or text whatever its type, and one that is too large is said to be.
import type { FastifyInstance } from 'fastify';
import { replyWithError } from './error-reply.ts';

/** Of all routes of this scope. */
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
