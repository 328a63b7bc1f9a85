// A request as the beginning of a trace. What a client says of a trace of its own is not taken on: it could have all kept.
import type { Tracing } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** After the request's record is there; `next` and all that follows is within its span. */
export function traceRequest(tracing: Tracing, request: FastifyRequest, reply: FastifyReply, next: () => void): void {
  const { facts } = request.record;
  const span = tracing.begin('request', { kind: 'server', attributes: { 'http.request.method': facts.method } });
  facts.traceId = span.traceId;
  reply.raw.once('close', () => {
    const { operation, upstream, repository, reference, cache, status, bytesSent, requestId, aborted } = facts;
    span.set({
      'cistern.operation': operation,
      'cistern.upstream': upstream,
      'cistern.repository': repository,
      'cistern.reference': reference,
      'cistern.cache': cache,
      'cistern.bytes': bytesSent,
      'cistern.request_id': requestId,
      'cistern.aborted': aborted,
      'http.response.status_code': status,
    });
    span.end(status >= 500 ? request.record.failure : undefined);
  });
  span.run(next);
}
