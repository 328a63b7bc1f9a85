// The hooks that run first for every request: they wait for its turn on the connection, create its record, and start its trace.
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { OciSyntaxError } from '@cistern/oci';
import { CacheError } from '@cistern/errors';
import type { Tracing } from '@cistern/telemetry';
import { createRequestRecords, type ReportRequest, type RequestFactsOptions } from './request-facts.ts';

type StartRequest = (request: FastifyRequest, reply: FastifyReply) => void;

/** `start` is a function of `createRequestStart`. An unset `tracing` means that no traces are started. */
export function addRequestHooks(app: FastifyInstance, start: StartRequest, tracing: Tracing | undefined): void {
  app.decorateRequest('record');
  app.addHook('onRequest', takeTurns);
  app.addHook('onRequest', (request, reply, done) => {
    start(request, reply);
    // This hook runs before Fastify parses the body, so the size of the body cannot change the response.
    if (request.is404) refuseUnknownPath();
    refuseTwoHosts(request);
    done();
  });
  if (tracing !== undefined)
    app.addHook('onRequest', (request, reply, done) => traceRequest(tracing, request, reply, done));
}

/** Creates the record of a request, and sets the headers that all responses have. */
export function createRequestStart(
  options: Pick<RequestFactsOptions, 'now'>,
  report: ReportRequest,
  headers: Readonly<Record<string, string | string[]>>,
): StartRequest {
  const makeRecord = createRequestRecords(options, report);
  return (request, reply) => {
    makeRecord(request, reply);
    reply.headers(headers).header('x-request-id', request.id);
  };
}

export function refuseUnknownPath(): never {
  throw new CacheError('name-unknown', 'This path does not exist. The API of this registry starts at /v2/.');
}

/**
 * The most requests of a connection that wait for earlier ones. One more closes the connection. No registry client pipelines
 * requests.
 */
const maxAhead = 32;
const lines = new WeakMap<Socket, (() => void)[]>();

/** Adds a request to the line of its connection. `begin` is called when the earlier requests have left the line. */
export function joinLine(socket: Socket, begin: () => void): (() => void)[] {
  let line = lines.get(socket);
  if (line === undefined) lines.set(socket, (line = []));
  line.push(begin);
  return line;
}

/** Removes the first request of the line, and begins the next one. Called at the end of a response. */
export function leaveLine(socket: Socket, line: (() => void)[]): void {
  line.shift();
  if (!socket.destroyed) line[0]?.();
}

/**
 * Processes pipelined requests of a connection one at a time (RFC 9112, 9.3.2). Node.js itself dispatches all of them
 * immediately, even thousands, each of which takes about 20 KiB. It also reports a disconnect only to the first of them. Calls
 * `begin` when all earlier requests of the connection are answered, usually immediately.
 */
function takeTurns({ raw: { socket } }: FastifyRequest, reply: FastifyReply, begin: () => void): void {
  const line = joinLine(socket, begin);
  if (line.length > 1 + maxAhead) return void socket.destroy();
  reply.raw.on('close', () => leaveLine(socket, line));
  if (line.length === 1) begin();
}

/**
 * Rejects a request with two `Host` headers (RFC 9112, 3.2), because the host selects the upstream. Node.js takes the first
 * header, but a proxy in front may have taken the second. Throws `OciSyntaxError`. It runs for every request, so it first
 * compares the lengths of header names, which is fast.
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
 * Starts a trace for the request. It ignores a `traceparent` of the client, because a client could use it to force all its traces
 * to be kept. `next` runs within the span of the request.
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
 * Returns a function that chooses the ID by which a request is found in the log. It takes the client's `X-Request-Id` if this is
 * safe in a log, else it creates an ID. A new ID is the random prefix of this process and a counter, because this is fast.
 */
export function createRequestIds(): (given: string | string[] | undefined) => string {
  const process = randomBytes(5).toString('hex');
  let count = 0;
  return (given) => {
    if (typeof given === 'string' && acceptable.test(given)) return given;
    count += 1;
    return `${process}-${count.toString(36)}`;
  };
}
