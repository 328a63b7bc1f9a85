// Sends all error responses, in the format of the OCI distribution specification, "Error Codes". `errorTable` maps each error
// kind to the status and code for the client. The log has the details.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { type OciErrorCode, OciSyntaxError } from '@cistern/oci';
import type { RequestRecord } from '../hooks/request-facts.ts';
import { sendJson } from './answer.ts';

/**
 * Fastify's error handler. It runs only before any byte of the response is sent. If the client has disconnected, it sends
 * nothing.
 */
export function replyWithError(error: unknown, { record }: FastifyRequest, reply: FastifyReply): void {
  const { status, kind, headers, body } = describeError(error, record.mode);
  record.failure = error;
  record.facts.errorKind = kind;
  if (reply.raw.destroyed) return;
  for (const name of ['etag', 'docker-content-digest', 'accept-ranges', 'age', 'warning']) reply.removeHeader(name);
  if (record.verified !== undefined) recordDenial(record.verified, kind, record, reply);
  sendJson(reply.code(status).headers(headers), body);
}

/**
 * Records why access was denied, and sets the challenge of a 401. A challenge to a client without credentials is not recorded as
 * a denial.
 */
function recordDenial(
  { challenge, hasCredentials }: NonNullable<RequestRecord['verified']>,
  kind: ErrorAnswer['kind'],
  { facts }: RequestRecord,
  reply: FastifyReply,
): void {
  if (kind === 'unauthenticated') reply.header('www-authenticate', challenge());
  if (kind === 'client-rate-limited') facts.denied ??= 'too many access checks from its network';
  if (kind === 'denied' || (kind === 'unauthenticated' && hasCredentials))
    facts.denied ??= 'the upstream denied access to the caller';
}

interface ErrorAnswer {
  readonly status: number;
  readonly kind: CacheErrorKind | 'internal';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * The longest `Retry-After` for clients. An upstream may request a back-off of hours, and the cache obeys it. Clients get a
 * shorter time, because the back-off may end earlier.
 */
const maxRetryAfterMs = 60_000;

const syntaxErrorKinds: Readonly<Partial<Record<OciErrorCode, CacheErrorKind>>> = {
  NAME_INVALID: 'name-invalid',
  DIGEST_INVALID: 'digest-invalid',
};

/**
 * A client in mirror mode gets 503 instead of 429. At a 429 containerd would repeat the request immediately, and podman would
 * sleep for half a minute. At a 503 both fall back to the origin. For an error that is neither a CacheError nor an
 * OciSyntaxError, the response has no details.
 */
export function describeError(error: unknown, mode: 'mirror' | 'prefix'): ErrorAnswer {
  // No manifest can have an invalid tag, so the manifest is unknown. An invalid digest is a 400 instead, which shows the user the
  // mistake.
  if (error instanceof OciSyntaxError && error.code === 'TAG_INVALID')
    return answer(404, 'manifest-unknown', {}, 'MANIFEST_UNKNOWN', error.message);
  if (error instanceof OciSyntaxError)
    return answer(400, syntaxErrorKinds[error.code] ?? 'reference-invalid', {}, error.code, error.message);
  if (!isCacheError(error))
    return answer(500, 'internal', {}, 'UNKNOWN', 'An internal error occurred. See the log of the cache.');
  const row = errorTable[error.kind];
  const [status, code] =
    row.status === 429 && mode === 'mirror' ? ([503, 'UNAVAILABLE'] as const) : [row.status, row.code];
  const headers: Record<string, string> = {};
  const retryAfterMs = error.retryAfterMs ?? row.retryAfterMs;
  if (retryAfterMs !== undefined && (status === 429 || status === 503))
    headers['retry-after'] = String(Math.ceil(Math.min(Math.max(retryAfterMs, 1000), maxRetryAfterMs) / 1000));
  if (status === 405) headers['allow'] = 'GET, HEAD';
  const size = status === 416 ? sizeOf(error.detail) : undefined;
  if (size !== undefined) headers['content-range'] = `bytes */${size}`;
  return answer(status, error.kind, headers, code, error.message, error.detail);
}

function answer(
  status: number,
  kind: ErrorAnswer['kind'],
  headers: Readonly<Record<string, string>>,
  code: OciErrorCode,
  message: string,
  detail?: unknown,
): ErrorAnswer {
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message, detail }] }));
  return { status, kind, headers, body };
}

function sizeOf(detail: unknown): number | undefined {
  const size = typeof detail === 'object' && detail !== null && 'size' in detail ? detail.size : undefined;
  return typeof size === 'number' ? size : undefined;
}

interface ErrorRow {
  readonly code: OciErrorCode;
  readonly status: number;
  /** The default `Retry-After` if the error has none, in milliseconds. */
  readonly retryAfterMs?: number;
}

/**
 * Maps error kinds to statuses and codes. The codes are from the OCI distribution specification, "Error Codes", and from
 * distribution. Each status was chosen for the way in which clients react to it (docs/wire.md).
 */
const errorTable: Readonly<Record<CacheErrorKind, ErrorRow>> = {
  'name-invalid': { code: 'NAME_INVALID', status: 400 },
  'digest-invalid': { code: 'DIGEST_INVALID', status: 400 },
  'reference-invalid': { code: 'TAG_INVALID', status: 400 },
  'manifest-unknown': { code: 'MANIFEST_UNKNOWN', status: 404 },
  'blob-unknown': { code: 'BLOB_UNKNOWN', status: 404 },
  'name-unknown': { code: 'NAME_UNKNOWN', status: 404 },
  unauthenticated: { code: 'UNAUTHORIZED', status: 401 },
  denied: { code: 'DENIED', status: 403 },
  unsupported: { code: 'UNSUPPORTED', status: 405 },
  'range-unsatisfiable': { code: 'RANGE_INVALID', status: 416 },
  'client-rate-limited': { code: 'TOOMANYREQUESTS', status: 429, retryAfterMs: 1000 },
  'upstream-rate-limited': { code: 'TOOMANYREQUESTS', status: 429, retryAfterMs: 5000 },
  'upstream-refused-us': { code: 'UNAVAILABLE', status: 502 },
  'upstream-unreachable': { code: 'UNAVAILABLE', status: 503, retryAfterMs: 5000 },
  'upstream-timeout': { code: 'UNAVAILABLE', status: 504 },
  'content-mismatch': { code: 'UNAVAILABLE', status: 502 },
  // The request that caused the loop is in progress in this same cache. That request recognizes the loop by the status 508, and
  // is not retried.
  'loop-detected': { code: 'UNAVAILABLE', status: 508 },
  'store-unavailable': { code: 'UNAVAILABLE', status: 503, retryAfterMs: 1000 },
  'index-unavailable': { code: 'UNAVAILABLE', status: 503, retryAfterMs: 1000 },
  overloaded: { code: 'UNAVAILABLE', status: 503, retryAfterMs: 1000 },
  // A client in mirror mode falls back to the origin. There is no `Retry-After`, because a retry cannot succeed.
  'too-large': { code: 'UNAVAILABLE', status: 503 },
};
