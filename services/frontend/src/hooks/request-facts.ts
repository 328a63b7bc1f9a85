// Creates a record for each request, which handlers annotate. At the end of the response, the record is written to the log or
// the access log, and counted in metrics. The end is the event `close`, because Fastify does not call `onResponse` if a client
// disconnects during the response.
import {
  auditRequest,
  createRequestCounts,
  createRequestFacts,
  createRequestLog,
  plainAddress,
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
  /** Writes a line in the combined log format, without its line break. Unset means that requests are written to `log`. */
  readonly accessLog?: ((line: string) => void) | undefined;
  /** The percentage of hits that are logged. Default: 100. */
  readonly loggedHitsPercent?: number | undefined;
  readonly audit?: RequestAudit | undefined;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

export interface RequestRecord {
  readonly facts: RequestFacts;
  /** The start on the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  /**
   * `prefix`: the URL's path names an upstream, so the client cannot fall back. `mirror`: any other request; its client can fall
   * back to the origin.
   */
  mode: 'mirror' | 'prefix';
  /** Set by `authenticate`, before the pull API sends any response. */
  identity?: Identity;
  /**
   * Set if the upstream of the request verifies callers. Contains the challenge for an `unauthenticated` response, and whether
   * the request has credentials.
   */
  verified?: { readonly challenge: () => string; readonly hasCredentials: boolean };
  /** True if the request counts as in flight for its operation. */
  entered: boolean;
  /** Aborts when the client disconnects. `clientSignal` creates it when it is first needed. */
  clientSignal?: AbortSignal;
  /** The error that ended the request, for the log. */
  failure?: unknown;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the first hook, before all other code. */
    record: RequestRecord;
  }
}

/**
 * Counts a request that has ended in metrics and audit, and logs it. `record` is unset for one that could not fail. Such a
 * request counted as in flight from its beginning.
 */
export type ReportRequest = (facts: RequestFacts, record?: RequestRecord) => void;

export function createRequestReport(options: RequestFactsOptions): ReportRequest {
  const { log, metrics, accessLog, loggedHitsPercent, audit } = options;
  const logRequest = createRequestLog(log, { accessLog, hitsPercent: loggedHitsPercent });
  const counts = createRequestCounts(metrics);
  return (facts, record) => {
    counts.ended(facts, record?.entered !== false);
    if (audit !== undefined) auditRequest(audit, facts);
    const level = record === undefined ? 'info' : levelOf(record);
    logRequest(facts, level, level === 'info' ? undefined : record?.failure);
  };
}

/** Returns a function that creates the record of a request, and reports it at the end of the response. */
export function createRequestRecords({ now }: Pick<RequestFactsOptions, 'now'>, report: ReportRequest) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const startedAt = performance.now();
    const { headers } = request;
    const facts = createRequestFacts({
      method: request.method,
      url: request.url,
      protocol: `HTTP/${request.raw.httpVersion}`,
      requestId: request.id,
      clientIp: plainAddress(request.ip),
      referer: headers.referer,
      userAgent: headers['user-agent'],
      startedAtMs: now(),
    });
    const record: RequestRecord = { facts, startedAt, mode: 'mirror', entered: false };
    request.record = record;
    reply.raw.on('close', () => {
      facts.durationMs = millisecondsSince(startedAt);
      completeFacts(record, reply);
      report(facts, record);
    });
  };
}

/** Records the operation of a request. The request then counts as in flight until its end. */
export function enterOperation(metrics: RequestMetrics, record: RequestRecord, operation: RequestOperation): void {
  record.facts.operation = operation;
  record.entered = true;
  metrics.requestsInFlight.inc({ operation });
}

/** Must be called with the first byte of a body that is written in chunks. */
export function markFirstByte({ facts, startedAt }: RequestRecord): void {
  facts.timeToFirstByteMs ??= millisecondsSince(startedAt);
}

/** Rounds to microseconds, because further digits are noise and make log lines long. */
export function millisecondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 1000) / 1000;
}

function completeFacts({ facts }: RequestRecord, reply: FastifyReply): void {
  const { raw } = reply;
  facts.aborted = !raw.writableFinished;
  facts.status = raw.headersSent ? raw.statusCode : 0;
  if (!facts.aborted) facts.timeToFirstByteMs ??= facts.durationMs;
  if (!facts.aborted && facts.bytesSent === 0 && facts.method !== 'HEAD' && facts.status !== 304)
    facts.bytesSent = Number(reply.getHeader('content-length') ?? 0);
}

const operatorErrors: ReadonlySet<RequestFacts['errorKind']> = new Set([
  'internal',
  'content-mismatch',
  'loop-detected',
  'store-unavailable',
  'index-unavailable',
  'upstream-refused-us',
]);

/** Returns `warn` for degraded service, `error` for a fault that an operator should check, and `info` for a client's mistake. */
function levelOf({ facts, failure }: RequestRecord): 'info' | 'warn' | 'error' {
  if (failure === undefined || (facts.status < 500 && !facts.aborted)) return 'info';
  return operatorErrors.has(facts.errorKind) ? 'error' : 'warn';
}
