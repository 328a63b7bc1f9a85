// The facts of one client request. Handlers add facts. At the end of the request, one place logs, measures and audits them.
import type { CacheErrorKind } from '@cistern/errors';
import type { RequestCacheResult, RequestOperation } from './metrics/client-metrics.ts';

export interface RequestFacts {
  operation: RequestOperation;
  method: string;
  /** The URL as the client sent it. Secrets are redacted when it is written. */
  url: string;
  /** For example `HTTP/1.1`. */
  protocol: string;
  requestId?: string | undefined;
  /** The ID of the trace that the request starts, if tracing is on. */
  traceId?: string | undefined;
  clientIp: string;
  /** The name of the authenticated user. Never a name that the client only claims. */
  user?: string | undefined;
  /** Further facts about the user, such as the claims of a CI job's token. */
  labels?: Readonly<Record<string, string>> | undefined;
  /** The reason why access was denied or authentication failed, as a clause. */
  denied?: string | undefined;
  referer?: string | undefined;
  userAgent?: string | undefined;
  /** The start on the wall clock, in milliseconds. The duration is measured by the monotonic clock. */
  startedAtMs: number;
  upstream?: string | undefined;
  repository?: string | undefined;
  /** Tag or digest. */
  reference?: string | undefined;
  cache?: RequestCacheResult | undefined;
  /** True if the client was redirected to the store. */
  redirected?: boolean | undefined;
  /** The kind of the error that ended the request. `internal` means an error without a kind. */
  errorKind?: CacheErrorKind | 'internal' | undefined;
  /** The HTTP status of the response. 0 if no status line has been sent. */
  status: number;
  /** The bytes of the response body that have been sent. */
  bytesSent: number;
  /** The time until the first byte of the response body or, without a body, until its end. */
  timeToFirstByteMs?: number | undefined;
  /** The time until the last byte was written to the socket, or the request was aborted. */
  durationMs?: number | undefined;
  /** True if the connection ended before the end of the response, whichever side closed the connection. */
  aborted: boolean;
}

/**
 * Creates the facts of a request from the facts that are already known. All facts have the same fields in the same order, set or
 * not, because V8 is several times slower with objects of many shapes.
 */
export function createRequestFacts(known: Partial<RequestFacts> = {}): RequestFacts {
  return {
    operation: known.operation ?? 'other',
    method: known.method ?? 'GET',
    url: known.url ?? '/',
    protocol: known.protocol ?? 'HTTP/1.1',
    requestId: known.requestId,
    traceId: known.traceId,
    clientIp: known.clientIp ?? '',
    user: known.user,
    labels: known.labels,
    denied: known.denied,
    referer: known.referer,
    userAgent: known.userAgent,
    startedAtMs: known.startedAtMs ?? Date.now(),
    upstream: known.upstream,
    repository: known.repository,
    reference: known.reference,
    cache: known.cache,
    redirected: known.redirected,
    errorKind: known.errorKind,
    status: known.status ?? 0,
    bytesSent: known.bytesSent ?? 0,
    timeToFirstByteMs: known.timeToFirstByteMs,
    durationMs: known.durationMs,
    aborted: known.aborted ?? false,
  };
}

/** Audits requests that have ended. */
export interface RequestAudit {
  /** Adds a request to the usage of its client. Unset if the usage is not recorded. */
  readonly count?: ((facts: RequestFacts) => void) | undefined;
  /** Records a request that is not an ordinary pull. */
  request(event: RequestEvent, facts: RequestFacts): void;
}

/**
 * `refused`: the client was not authenticated. `denied`: it was not authorized. `limited`: it was rate-limited or locked out.
 * `token-given`: it got a token.
 */
export type RequestEvent = 'limited' | 'denied' | 'refused' | 'token-given';

/** Audits a request that has ended. An ordinary pull is only counted. */
export function auditRequest(audit: RequestAudit, facts: RequestFacts): void {
  audit.count?.(facts);
  const event = eventOf(facts);
  if (event !== undefined) audit.request(event, facts);
}

/**
 * Returns `undefined` for an ordinary pull. Also returns `undefined` for a 401 to a request without credentials, because every
 * client starts with such a request.
 */
function eventOf({ operation, status, denied, errorKind }: RequestFacts): RequestEvent | undefined {
  if (errorKind === 'client-rate-limited') return 'limited';
  if (status === 403) return 'denied';
  if (status === 401) return denied === undefined ? undefined : 'refused';
  return operation === 'token' && status === 200 ? 'token-given' : undefined;
}
