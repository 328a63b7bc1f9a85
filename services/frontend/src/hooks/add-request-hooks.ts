// What every request passes first, whatever it asks for: its turn on the connection, its record, and its trace.
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { OciSyntaxError } from '@cistern/oci';
import { CacheError } from '@cistern/errors';
import type { Tracing } from '@cistern/telemetry';
import { createRequestRecords, type RequestFactsOptions } from './request-facts.ts';

type StartRequest = (request: FastifyRequest, reply: FastifyReply) => void;

/** `start`: of `createRequestStart`. Without `tracing` there are no traces. */
export function addRequestHooks(app: FastifyInstance, start: StartRequest, tracing: Tracing | undefined): void {
  app.decorateRequest('record');
  app.addHook('onRequest', takeTurns);
  app.addHook('onRequest', (request, reply, done) => {
    start(request, reply);
    // Before a body would be parsed, whose size could turn the answer into another.
    if (request.is404) refuseUnknownPath();
    refuseTwoHosts(request);
    done();
  });
  if (tracing !== undefined)
    app.addHook('onRequest', (request, reply, done) => traceRequest(tracing, request, reply, done));
}

/** Makes the record of a request, and gives its answer the headers of all answers. */
export function createRequestStart(
  options: RequestFactsOptions,
  headers: Readonly<Record<string, string | string[]>>,
): StartRequest {
  const makeRecord = createRequestRecords(options);
  return (request, reply) => {
    makeRecord(request, reply);
    reply.headers(headers).header('x-request-id', request.id);
  };
}

export function refuseUnknownPath(): never {
  throw new CacheError('name-unknown', 'Nothing is served at this path: the API of this registry begins at /v2/.');
}

/** No client of registries sends any ahead. */
const maxAhead = 32;
const lines = new WeakMap<Socket, (() => void)[]>();

/**
 * One request of a connection at a time, whatever its client has sent ahead (RFC 9112, 9.3.2). Node.js dispatches all at once,
 * thousands of them at some 20 KiB apiece. Those behind the first do not learn from it that their client has left. Calls `begin`
 * when all earlier requests of the connection are answered: at once, as a rule.
 */
function takeTurns({ raw: { socket } }: FastifyRequest, reply: FastifyReply, begin: () => void): void {
  let line = lines.get(socket);
  if (line === undefined) lines.set(socket, (line = []));
  line.push(begin);
  if (line.length > 1 + maxAhead) return void socket.destroy();
  reply.raw.on('close', () => {
    line.shift();
    if (!socket.destroyed) line[0]?.();
  });
  if (line.length === 1) begin();
}

/**
 * A request with two `Host` headers is refused (RFC 9112, 3.2). Node.js takes the first; a proxy before it may have taken the
 * second, and the host decides about the upstream. Throws `OciSyntaxError`. Every request pays for this: a comparison of lengths
 * for each header.
 */
function refuseTwoHosts({ raw: { rawHeaders } }: FastifyRequest): void {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) throw new OciSyntaxError('NAME_INVALID', 'the request has more than one Host header');
}

/**
 * The request begins a trace. A client's own trace is not taken on: the client could have all of them kept. `next` and all that
 * follows is within the span of the request.
 */
function traceRequest(tracing: Tracing, request: FastifyRequest, reply: FastifyReply, next: () => void): void {
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

const acceptable = /^[\w.:-]{1,64}$/;

/**
 * A name for each request, to find it in the log by. It is the client's own, where that is fit for a log, or a new one. A new one
 * counts up behind random characters of this process, which costs nothing per request.
 */
export function createRequestIds(): (request: IncomingMessage) => string {
  const process = randomBytes(5).toString('hex');
  let count = 0;
  return ({ headers }) => {
    const given = headers['x-request-id'];
    if (typeof given === 'string' && acceptable.test(given)) return given;
    count += 1;
    return `${process}-${count.toString(36)}`;
  };
}
