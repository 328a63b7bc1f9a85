// The one place that answers errors. What the client hears is in the table; what happened is in the log.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeError } from './describe-error.ts';

/** Fastify's error handler. Nothing of the answer has been sent yet; the client may have left. */
export function replyWithError(error: unknown, { record }: FastifyRequest, reply: FastifyReply): void {
  const { status, kind, headers, body } = describeError(error, record.mode);
  record.failure = error;
  record.facts.errorKind = kind;
  if (reply.raw.destroyed) return;
  for (const name of ['etag', 'docker-content-digest', 'accept-ranges', 'age', 'warning']) reply.removeHeader(name);
  if (kind === 'unauthenticated' && record.challenge !== undefined) reply.header('www-authenticate', record.challenge);
  reply.code(status).headers(headers);
  reply.headers({ 'content-type': 'application/json', 'content-length': String(body.length) }).send(body);
}
