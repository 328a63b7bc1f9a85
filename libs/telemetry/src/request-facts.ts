// What is known of one client request. Handlers annotate it on the way; one place logs and measures it at the end.
import type { CacheErrorKind } from '@cistern/errors';

export const requestOperations = [
  'ping',
  'manifest',
  'blob',
  'tags',
  'referrers',
  'catalog',
  'write',
  'webhook',
  'token',
  'other',
] as const;
export type RequestOperation = (typeof requestOperations)[number];

/** What happened in the cache, as the `X-Cache` header says it. */
export const cacheResults = ['HIT', 'STALE', 'REVALIDATED', 'JOINED', 'MISS'] as const;
export type RequestCacheResult = (typeof cacheResults)[number];

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
