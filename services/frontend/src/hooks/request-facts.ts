// One record per request, which handlers annotate, and the one place where it becomes a log line, an access log line and metrics:
// at the end of the answer, however it ended. Fastify's own `onResponse` does not come when a client leaves midway; `close` does.
import {
  auditRequest,
  createRequestFacts,
  createRequestLog,
  formatAccessLogLine,
  observeRequest,
  requestEnded,
  type Logger,
  type RequestAudit,
  type RequestFacts,
  type RequestMetrics,
  type RequestOperation,
} from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Identity } from '@cistern/auth';

export interface RequestFactsOptions {
  readonly log: Logger;
  readonly metrics: RequestMetrics;
  /** Gets every line of the access log, without a line break. */
  readonly accessLog?: ((line: string) => void) | undefined;
  readonly audit?: RequestAudit | undefined;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

export interface RequestRecord {
  readonly facts: RequestFacts;
  /** On the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  /** `prefix`: the URL's path names an upstream. `mirror`: anything else, so the client has an origin to fall back to. */
  mode: 'mirror' | 'prefix';
  /** Set once it has been found out; nothing of the pull API is answered before. */
  identity?: Identity;
  /**
   * Of a request whose caller an upstream may verify: what an `unauthenticated` answer asks for, and whether anything was shown.
   */
  verified?: { readonly challenge: () => string; readonly hasShown: boolean };
  /** Whether the request counts as in flight for its operation. */
  entered: boolean;
  /** Aborted when the client leaves; made when it is first asked for. */
  clientSignal?: AbortSignal;
  /** What ended the request, for the log. */
  failure?: unknown;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the first hook, before anything else sees the request. */
    record: RequestRecord;
  }
}

/** The returned function makes the record of a request and sees to its end. */
export function createRequestRecords({ log, metrics, accessLog, audit, now }: RequestFactsOptions) {
  const logRequest = createRequestLog(log);

  function report(record: RequestRecord): void {
    const { facts } = record;
    if (record.entered) metrics.requestsInFlight.dec({ operation: facts.operation });
    observeRequest(metrics, facts);
    accessLog?.(formatAccessLogLine(facts));
    if (audit !== undefined) auditRequest(audit, facts);
    const level = levelOf(record);
    if (level === 'info') logRequest(facts);
    else log[level]({ ...facts, err: record.failure }, requestEnded);
  }

  return (request: FastifyRequest, reply: FastifyReply): void => {
    const startedAt = performance.now();
    const { headers } = request;
    const facts = createRequestFacts({
      method: request.method,
      url: request.url,
      protocol: `HTTP/${request.raw.httpVersion}`,
      requestId: request.id,
      clientIp: request.ip,
      referer: headers.referer,
      userAgent: headers['user-agent'],
      startedAtMs: now(),
    });
    const record: RequestRecord = { facts, startedAt, mode: 'mirror', entered: false };
    request.record = record;
    reply.raw.on('close', () => {
      facts.durationMs = millisecondsSince(startedAt);
      completeFacts(record, reply);
      report(record);
    });
  };
}

/** Records what the request asks for; from here to its end it is in flight. */
export function enterOperation(metrics: RequestMetrics, record: RequestRecord, operation: RequestOperation): void {
  record.facts.operation = operation;
  record.entered = true;
  metrics.requestsInFlight.inc({ operation });
}

/** To be called with the first byte of a body that is written piece by piece. */
export function markFirstByte({ facts, startedAt }: RequestRecord): void {
  facts.timeToFirstByteMs ??= millisecondsSince(startedAt);
}

/** To the microsecond: what a clock says beyond it is noise, and long in a log. */
function millisecondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 1000) / 1000;
}

function completeFacts({ facts }: RequestRecord, reply: FastifyReply): void {
  const { raw } = reply;
  facts.aborted = !raw.writableFinished;
  facts.status = raw.headersSent ? raw.statusCode : 0;
  if (raw.writableFinished) facts.timeToFirstByteMs ??= facts.durationMs;
  if (raw.writableFinished && facts.bytesSent === 0 && facts.method !== 'HEAD' && facts.status !== 304)
    facts.bytesSent = Number(reply.getHeader('content-length') ?? 0);
}

const forPeople: ReadonlySet<RequestFacts['errorKind']> = new Set([
  'internal',
  'content-mismatch',
  'loop-detected',
  'store-unavailable',
  'index-unavailable',
  'upstream-refused-us',
]);

/** Degraded service is a warning; what a person should look at is an error; what a client did wrong is neither. */
function levelOf({ facts, failure }: RequestRecord): 'info' | 'warn' | 'error' {
  if (failure === undefined || (facts.status < 500 && !facts.aborted)) return 'info';
  return forPeople.has(facts.errorKind) ? 'error' : 'warn';
}
