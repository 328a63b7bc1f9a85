// What is known of one client request. Handlers annotate it on the way; one place logs, measures and audits it at the end.
import type { CacheErrorKind } from '@cistern/errors';
import type { RequestCacheResult, RequestMetrics, RequestOperation, StatusLabel } from './metrics/client-metrics.ts';

export interface RequestFacts {
  operation: RequestOperation;
  method: string;
  /** As the client sent it; secrets are hidden when it is written out. */
  url: string;
  /** For example `HTTP/1.1`. */
  protocol: string;
  requestId?: string | undefined;
  /** Of the trace that it begins, if there are traces. */
  traceId?: string | undefined;
  clientIp: string;
  /** Who was let in; never a name that somebody only claims. */
  user?: string | undefined;
  /** What else is known of that user: claims of a CI job's token, for example. */
  labels?: Readonly<Record<string, string>> | undefined;
  /** Why this was not for that user, or why nobody was let in: a clause. */
  denied?: string | undefined;
  referer?: string | undefined;
  userAgent?: string | undefined;
  /** Wall clock; the duration is measured apart from it. */
  startedAtMs: number;
  upstream?: string | undefined;
  repository?: string | undefined;
  /** Tag or digest. */
  reference?: string | undefined;
  cache?: RequestCacheResult | undefined;
  /** The client was sent to the store for the bytes. */
  redirected?: boolean | undefined;
  /** `internal`: anything that was no CacheError. */
  errorKind?: CacheErrorKind | 'internal' | undefined;
  /** 0 until a status line was sent. */
  status: number;
  /** Of the body. */
  bytesSent: number;
  /** Until the first byte of the answer's body or, without one, its end. */
  timeToFirstByteMs?: number | undefined;
  /** Until the last byte was handed to the socket, or the request was aborted. */
  durationMs?: number | undefined;
  /** The connection ended before the answer did, whoever ended it. */
  aborted: boolean;
}

/** A fresh record, with what is known already. */
export function createRequestFacts(known: Partial<RequestFacts> = {}): RequestFacts {
  return {
    operation: 'other',
    method: 'GET',
    url: '/',
    protocol: 'HTTP/1.1',
    clientIp: '',
    startedAtMs: Date.now(),
    status: 0,
    bytesSent: 0,
    aborted: false,
    ...known,
  };
}

/** Counts a request that has ended. Leaves `requestsInFlight` to the caller, which saw it begin. */
export function observeRequest(metrics: RequestMetrics, facts: RequestFacts): void {
  const labels = { operation: facts.operation, result: facts.cache ?? 'NONE' } as const;
  metrics.requests.inc({ ...labels, status: statusLabel(facts) });
  metrics.responseBytes.inc(labels, facts.bytesSent);
  if (facts.durationMs !== undefined) metrics.requestDuration.observe(labels, facts.durationMs / 1000);
  if (facts.timeToFirstByteMs !== undefined) metrics.timeToFirstByte.observe(labels, facts.timeToFirstByteMs / 1000);
}

function statusLabel({ aborted, status }: RequestFacts): StatusLabel {
  if (aborted) return 'aborted';
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  return status < 500 ? '4xx' : '5xx';
}

/** Where requests that have ended are audited. */
export interface RequestAudit {
  /** Adds a request to what its client has had; absent: that is not kept. */
  readonly count?: ((facts: RequestFacts) => void) | undefined;
  /** A request that was no pull like all others. */
  request(event: RequestEvent, facts: RequestFacts): void;
}

/** `refused`: not authenticated; `denied`: authenticated, and may not have that; `limited`: had too much, or guessed too often. */
export type RequestEvent = 'limited' | 'denied' | 'refused' | 'token-given';

/** Audits a request that has ended. A pull like all others is only counted. */
export function auditRequest(audit: RequestAudit, facts: RequestFacts): void {
  audit.count?.(facts);
  const event = eventOf(facts);
  if (event !== undefined) audit.request(event, facts);
}

/** `undefined`: a pull like all others. A first 401 without credentials is how every client begins. */
function eventOf({ operation, status, denied, errorKind }: RequestFacts): RequestEvent | undefined {
  if (errorKind === 'client-rate-limited') return 'limited';
  if (status === 403) return 'denied';
  if (status === 401) return denied === undefined ? undefined : 'refused';
  return operation === 'token' && status === 200 ? 'token-given' : undefined;
}
