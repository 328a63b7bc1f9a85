// The types of one HTTP exchange with an upstream, its token server or its storage, as the layers of the stack pass it
// on. Also parses response headers and names upstreams in errors.
import type { Readable } from 'node:stream';
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { UpstreamOperation } from '@cistern/telemetry';
import type { CallPurpose, RateLimit } from '../upstream.ts';

export interface UpstreamIdentity {
  /** The name in the configured table, for example `docker.io`. */
  readonly name: string;
  /** The URL without user info, query and trailing slash. */
  readonly url: URL;
}

export interface TransportRequest {
  readonly operation: UpstreamOperation;
  /** No layer changes the method, not even for redirects. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  /** True if the URL comes from a redirect. */
  readonly isRedirected?: boolean;
  /** The names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** When the signal fires, the request and the body of its response end with the signal's reason. */
  readonly signal: AbortSignal;
  /** The body of a POST. */
  readonly body?: string | undefined;
  /** The repository whose `pull` scope a token must have. No token is requested without it. */
  readonly repository?: RepositoryName;
  /**
   * The limit for bodies that are read whole. `undefined` means that the body of a 2xx response is not read and stays a
   * stream.
   */
  readonly maxBodyBytes: number | undefined;
  /** Default: `cold`. */
  readonly purpose?: CallPurpose | undefined;
}

/** The names are in lower case. */
export type TransportHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface TransportResponse {
  readonly status: number;
  readonly headers: TransportHeaders;
  /** The URL that answered, after redirects. */
  readonly url: URL;
  /** The receiver of the response reads the body to its end or destroys it. It is already read if `bytes` is set. */
  readonly body: Readable;
  readonly bytes?: Buffer;
  /** Milliseconds until requests resume. Set if that is known more exactly than from the `Retry-After` header. */
  readonly retryAfterMs?: number;
}

/** Rejects with a CacheError, or with the signal's reason. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

export type TransportLayer = (next: Transport) => Transport;

/** Stacks layers on a transport. The first layer sees a request first and its response last. */
export function compose(layers: readonly TransportLayer[], transport: Transport): Transport {
  return layers.reduceRight((next, layer) => layer(next), transport);
}

/**
 * Returns a name such as `Upstream "docker.io" (registry-1.docker.io)`. `host` is the server of the exchange if that is
 * the storage or the token server of the upstream.
 */
export function nameUpstream({ name, url }: UpstreamIdentity, host: string = url.host): string {
  return `Upstream "${name}" (${host})`;
}

/** Returns the value of a header. Several fields with the same name form one list (RFC 9110 section 5.3). */
export function headerValue(headers: TransportHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Returns the bytes of the body from `Content-Length`. `undefined` means that the header is missing or invalid. */
export function contentLength(headers: TransportHeaders): number | undefined {
  const size = Number(headerValue(headers, 'content-length') ?? Number.NaN);
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

/** Destroys an unread body and its connection. */
export function dropBody(body: Readable): void {
  // Undici's bodies report their own destruction as an error.
  body.on('error', () => {}).destroy();
}

/**
 * The statuses not implemented, version not supported and loop detected, because a retry would get the same response.
 */
const permanentStatuses = new Set([501, 505, 508]);

/** Reports whether a status means that the server is unhealthy. */
export function isServerFailure(status: number): boolean {
  return status >= 500 && !permanentStatuses.has(status);
}

const quantity = /^\s*(\d{1,12})\s*(?:$|[;,])/;
const windowParameter = /;\s*w=(\d{1,12})/;
/** A wait that is longer than Docker Hub's rate-limit period of 6 hours is not plausible. */
const maxRetryAfterMs = 6 * 60 * 60 * 1000;

/**
 * Parses the budget as Docker Hub documents it: `ratelimit-limit: 100;w=21600`. Returns `undefined` if the upstream
 * sends none.
 */
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

/**
 * Matches a warning for users: the distribution specification ("Warnings") allows only code 299. The other codes are
 * for caches.
 */
const warningForUsers = /(?:^|[\s,])299 [^\s,"]+ ("(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*")/gu;
const maxWarningLength = 1_024;

/**
 * Returns the warnings for users as one `Warning` header: `299 - "…", 299 - "…"`. A warning that would make the header
 * longer than 1,024 characters is omitted.
 */
export function parseWarning(headers: TransportHeaders): string | undefined {
  const kept: string[] = [];
  for (const [, text] of (headerValue(headers, 'warning') ?? '').matchAll(warningForUsers)) {
    const next = [...kept, `299 - ${text}`];
    if (next.join(', ').length <= maxWarningLength) kept.push(`299 - ${text}`);
  }
  return kept.length === 0 ? undefined : kept.join(', ');
}

/**
 * Returns the `Retry-After` in milliseconds, at most 6 hours. The header contains seconds or a date (RFC 9110 section
 * 10.2.3).
 */
export function parseRetryAfterMs(headers: TransportHeaders, nowMs: number): number | undefined {
  const value = headerValue(headers, 'retry-after')?.trim();
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), maxRetryAfterMs);
}

/** Returns the same error with this `retryAfterMs`. */
export function withRetryAfter(
  { kind, message, detail, retryable, isLocal, cause }: CacheError,
  retryAfterMs: number,
): CacheError {
  return new CacheError(kind, message, { detail, retryable, retryAfterMs, isLocal, cause });
}
