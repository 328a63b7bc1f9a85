// From anything thrown to an answer in the shape of the OCI distribution specification, "Error Codes".
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { type OciErrorCode, OciSyntaxError } from '@cistern/oci';
import { errorTable } from './error-table.ts';

export interface ErrorAnswer {
  readonly status: number;
  readonly kind: CacheErrorKind | 'internal';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An upstream may ask for hours. That binds us; a client had better look again, for it may be over sooner. */
const maxRetryAfterMs = 60_000;

const syntaxErrorKinds: Readonly<Partial<Record<OciErrorCode, CacheErrorKind>>> = {
  NAME_INVALID: 'name-invalid',
  DIGEST_INVALID: 'digest-invalid',
};

/**
 * A mirror's client (`mode`) never sees 429: containerd would repeat the request at once and podman would sleep for half
 * a minute, where 503 sends both on to the origin. An error without a kind tells the client nothing of itself.
 */
export function describeError(error: unknown, mode: 'mirror' | 'prefix'): ErrorAnswer {
  if (error instanceof OciSyntaxError)
    return answer(400, syntaxErrorKinds[error.code] ?? 'reference-invalid', {}, error.code, error.message);
  if (!isCacheError(error))
    return answer(500, 'internal', {}, 'UNKNOWN', 'An internal error occurred; the log of the cache has the details.');
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
