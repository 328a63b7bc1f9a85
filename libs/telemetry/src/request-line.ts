// The fields of a request's line in the log, and how people see them.
import type { CacheErrorKind } from '@cistern/errors';
import type { RequestCacheResult, RequestOperation } from './metrics/client-metrics.ts';
import type { RequestFacts } from './request-facts.ts';

/** The message of the line that each request writes. */
export const requestEnded = 'request';

/** The fields of every request, and those of one that needs an explanation. A field that is not set is not written. */
export interface RequestLine {
  operation: RequestOperation;
  /** Unset means GET. */
  method?: string | undefined;
  upstream?: string | undefined;
  repository?: string | undefined;
  /** A tag, or the algorithm of a digest and its first 12 characters. */
  reference?: string | undefined;
  cache?: RequestCacheResult | undefined;
  /** True if the client was redirected to the store. */
  redirected?: true | undefined;
  /** True if the connection ended before the end of the response. */
  aborted?: true | undefined;
  status: number;
  bytes: number;
  ms: number;
  client: string;
  user?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  traceId?: string | undefined;
  /** The share of hits that are logged, such as `1%`. Unset if all hits are logged. */
  hits?: string | undefined;
  errorKind?: CacheErrorKind | 'internal' | undefined;
  denied?: string | undefined;
  url?: string | undefined;
  requestId?: string | undefined;
  protocol?: string | undefined;
  referer?: string | undefined;
  userAgent?: string | undefined;
  firstByteMs?: number | undefined;
  err?: unknown;
}

/** Returns the fields that every line has. Their order is that of the line. */
export function shortRequestLine(facts: RequestFacts): RequestLine {
  return {
    operation: facts.operation,
    method: facts.method === 'GET' ? undefined : facts.method,
    upstream: facts.upstream,
    repository: facts.repository,
    reference: facts.reference === undefined ? undefined : shortReference(facts.reference),
    cache: facts.cache,
    redirected: facts.redirected === true ? true : undefined,
    aborted: facts.aborted ? true : undefined,
    status: facts.status,
    bytes: facts.bytesSent,
    ms: shortMs(facts.durationMs ?? 0),
    client: facts.clientIp,
    user: facts.user,
    labels: facts.labels,
    traceId: facts.traceId,
    hits: undefined,
  };
}

/** Returns the fields that explain a request: also those that only matter if something went wrong. */
export function fullRequestLine(facts: RequestFacts, err: unknown): RequestLine {
  return {
    ...shortRequestLine(facts),
    errorKind: facts.errorKind,
    denied: facts.denied,
    url: facts.url,
    requestId: facts.requestId,
    protocol: facts.protocol,
    referer: facts.referer,
    userAgent: facts.userAgent,
    firstByteMs: facts.timeToFirstByteMs === undefined ? undefined : shortMs(facts.timeToFirstByteMs),
    err,
  };
}

/** Fields that `describeRequest` shows. */
export const describedFields: ReadonlySet<string> = new Set([
  'operation',
  'upstream',
  'repository',
  'reference',
  'cache',
  'status',
  'bytes',
  'ms',
  'client',
  'errorKind',
]);

/** Returns the line for people, without its time: `docker.io/library/alpine:3.20 HIT 3.4 MB 12 ms 10.0.3.7`. */
export function describeRequest(line: RequestLine): string {
  const { cache, status, errorKind, bytes, ms, client } = line;
  const failure = errorKind === undefined ? `${status}` : `${status} ${errorKind}`;
  return `${nameOf(line)} ${status < 400 && status > 0 && cache !== undefined ? cache : failure} ${showBytes(bytes)} ${showMs(ms)} ${client || '-'}`;
}

/** The text of a digest has this length at most: `sha256:` and 12 characters. */
const shortDigestLength = 19;

function shortReference(reference: string): string {
  return reference.includes(':') ? reference.slice(0, shortDigestLength) : reference;
}

function shortMs(ms: number): number {
  return ms >= 10 ? Math.round(ms) : Math.round(ms * 100) / 100;
}

function nameOf({ operation, upstream, repository, reference, url }: RequestLine): string {
  if (upstream === undefined || repository === undefined) return pathOf(url) ?? paths[operation] ?? operation;
  const image = `${upstream}/${repository}`;
  if (reference === undefined)
    return operation === 'manifest' || operation === 'blob' ? image : `${image} ${operation}`;
  return reference.includes(':') ? `${image}@${reference}` : `${image}:${reference}`;
}

const paths: Readonly<Partial<Record<RequestOperation, string>>> = {
  ping: '/v2/',
  catalog: '/v2/_catalog',
  token: '/token',
};
/** Clients choose paths, and a line must stay readable. */
const maxPath = 100;

function pathOf(url: string | undefined): string | undefined {
  return url?.split('?', 1)[0]?.slice(0, maxPath);
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

function showBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const at = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** at;
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

function showMs(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
