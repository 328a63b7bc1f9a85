// The one place that answers errors. What the client hears is in the table; what happened is in the log.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestRecord } from '../hooks/request-record.ts';
import { describeError, type ErrorAnswer } from './describe-error.ts';

/** Fastify's error handler. Nothing of the answer has been sent yet; the client may have left. */
export function replyWithError(error: unknown, { record }: FastifyRequest, reply: FastifyReply): void {
  const { status, kind, headers, body } = describeError(error, record.mode);
  record.failure = error;
  record.facts.errorKind = kind;
  if (reply.raw.destroyed) return;
  for (const name of ['etag', 'docker-content-digest', 'accept-ranges', 'age', 'warning']) reply.removeHeader(name);
  if (record.verified !== undefined) tellRefusal(record.verified, kind, record, reply);
  reply.code(status).headers(headers);
  reply.headers({ 'content-type': 'application/json', 'content-length': String(body.length) }).send(body);
}

/** That a client which has shown nothing is asked to is no denial. */
function tellRefusal(
  { challenge, hasShown }: NonNullable<RequestRecord['verified']>,
  kind: ErrorAnswer['kind'],
  { facts }: RequestRecord,
  reply: FastifyReply,
): void {
  if (kind === 'unauthenticated') reply.header('www-authenticate', challenge());
  if (kind === 'client-rate-limited') facts.denied ??= 'too many questions from its network to the upstream';
  if (kind === 'denied' || (kind === 'unauthenticated' && hasShown))
    facts.denied ??= 'the upstream does not let the caller read it';
}
