// Small JSON answers, with the media type as registry:2 sends it: Fastify adds a charset to strings, not to Buffers.
import type { FastifyReply } from 'fastify';

/** On HEAD the headers alone go out, those of the same GET. */
export function sendJson(reply: FastifyReply, body: Buffer): FastifyReply {
  return reply.headers({ 'content-type': 'application/json', 'content-length': String(body.length) }).send(body);
}
