// One HTTP exchange with an upstream, its token server or its storage, as every layer of the stack passes it on. Also how the
// headers of answers are read, and how errors name an upstream.
import type { Readable } from 'node:stream';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { UpstreamOperation } from '@cistern/telemetry';
import type { CallPurpose, RateLimit } from '../upstream.ts';

export interface UpstreamIdentity {
  /** The name in the configured table, for example `docker.io`. */
  readonly name: string;
  /** Without user info, query and trailing slash. */
  readonly url: URL;
}

export interface TransportRequest {
  readonly operation: UpstreamOperation;
  /** Never changed by any layer, redirects included. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  /** The URL comes from a redirect. */
  readonly isRedirected?: boolean;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The request ends when this fires, with the signal's reason, and so does the body of its response. */
  readonly signal: AbortSignal;
  /** Of a POST. */
  readonly body?: string | undefined;
  /** Whose `pull` scope a token must have. No token is requested without it. */
  readonly repository?: RepositoryName;
  /** Bodies are read whole, up to this size; `undefined`: the body of a 2xx answer stays a stream. */
  readonly maxBodyBytes: number | undefined;
  /** Default `cold`. */
  readonly purpose?: CallPurpose | undefined;
}

/** Names in lower case. */
export type TransportHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface TransportResponse {
  readonly status: number;
  readonly headers: TransportHeaders;
  /** Who answered, after redirects. */
  readonly url: URL;
  /** The receiver of the response reads it to its end or destroys it; already read where `bytes` is set. */
  readonly body: Readable;
  readonly bytes?: Buffer;
  /** After how many milliseconds it is asked again, where that is known better than by its headers. */
  readonly retryAfterMs?: number;
}

/** Rejects with a CacheError, or with the signal's reason. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

export type TransportLayer = (next: Transport) => Transport;

/** Stacks layers on a transport. The first layer sees a request first and its response last. */
export function compose(layers: readonly TransportLayer[], transport: Transport): Transport {
  return layers.reduceRight((next, layer) => layer(next), transport);
}

/** `Upstream "docker.io" (registry-1.docker.io)`; with `host`, where the exchange was with its storage or token server. */
export function nameUpstream({ name, url }: UpstreamIdentity, host: string = url.host): string {
  return `Upstream "${name}" (${host})`;
}

/** Several fields of one name are one list, as in RFC 9110 section 5.3. */
export function headerValue(headers: TransportHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Bytes of the body as `Content-Length` says; `undefined` where there is none that makes sense. */
export function contentLength(headers: TransportHeaders): number | undefined {
  const size = Number(headerValue(headers, 'content-length') ?? Number.NaN);
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

/** Destroys a body that is not read, and its connection. */
export function dropBody(body: Readable): void {
  // Undici's bodies report their own destruction as an error.
  body.on('error', () => {}).destroy();
}

/** Not implemented, version not supported, loop detected: answers, and the same ones again. */
const permanentStatuses = new Set([501, 505, 508]);

/** A status that says that the server is not well. */
export function isServerFailure(status: number): boolean {
  return status >= 500 && !permanentStatuses.has(status);
}

const quantity = /^\s*(\d{1,12})\s*(?:$|[;,])/;
const windowParameter = /;\s*w=(\d{1,12})/;
/** Longer waits than Docker Hub's own window are not worth believing. */
const maxRetryAfterMs = 6 * 60 * 60 * 1000;

/** The budget as Docker Hub documents it: `ratelimit-limit: 100;w=21600`. `undefined` where upstream says nothing. */
export function parseRateLimit(headers: TransportHeaders): RateLimit | undefined {
  const limitField = headerValue(headers, 'ratelimit-limit') ?? '';
  const remainingField = headerValue(headers, 'ratelimit-remaining') ?? '';
  const limit = quantity.exec(limitField)?.[1];
  const remaining = quantity.exec(remainingField)?.[1];
  if (limit === undefined && remaining === undefined) return undefined;
  const windowSeconds = (windowParameter.exec(limitField) ?? windowParameter.exec(remainingField))?.[1];
  const source = headerValue(headers, 'docker-ratelimit-source');
  return {
    ...(limit !== undefined && { limit: Number(limit) }),
    ...(remaining !== undefined && { remaining: Number(remaining) }),
    ...(windowSeconds !== undefined && { windowSeconds: Number(windowSeconds) }),
    ...(source !== undefined && { source }),
  };
}

/** As the distribution specification has it, "Warnings": the other codes are of caches. */
const warningForPeople = /(?:^|[\s,])299 [^\s,"]+ ("(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*")/gu;
const maxWarningLength = 1_024;

/** The warnings for people, as one `Warning` header: `299 - "…", 299 - "…"`. Those beyond 1,024 characters are left out. */
export function parseWarning(headers: TransportHeaders): string | undefined {
  const kept: string[] = [];
  for (const [, text] of (headerValue(headers, 'warning') ?? '').matchAll(warningForPeople)) {
    const next = [...kept, `299 - ${text}`];
    if (next.join(', ').length <= maxWarningLength) kept.push(`299 - ${text}`);
  }
  return kept.length === 0 ? undefined : kept.join(', ');
}

/** Milliseconds from a `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), at most 6 hours. */
export function parseRetryAfterMs(headers: TransportHeaders, nowMs: number): number | undefined {
  const value = headerValue(headers, 'retry-after')?.trim();
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), maxRetryAfterMs);
}

/** The same error, to be tried again after that long. */
export function withRetryAfter(
  { kind, message, detail, retryable, isLocal, cause }: CacheError,
  retryAfterMs: number,
): CacheError {
  return new CacheError(kind, message, { detail, retryable, retryAfterMs, isLocal, cause });
}
