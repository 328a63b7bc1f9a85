// The one table from what went wrong to what a client hears. The codes are those of the OCI distribution specification,
// "Error Codes", and of distribution; the statuses are chosen by what clients do next (docs/wire.md).
import type { CacheErrorKind } from '@cistern/errors';
import type { OciErrorCode } from '@cistern/oci';

export interface ErrorRow {
  readonly code: OciErrorCode;
  readonly status: number;
  /** `Retry-After` where the error itself does not know, in milliseconds. */
  readonly retryAfterMs?: number;
}

export const errorTable: Readonly<Record<CacheErrorKind, ErrorRow>> = {
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
  // The status by which a cache further out in the circle, which is this one, knows what it is: it asks no second time.
  'loop-detected': { code: 'UNAVAILABLE', status: 508 },
  'store-unavailable': { code: 'UNAVAILABLE', status: 503, retryAfterMs: 1000 },
  'index-unavailable': { code: 'UNAVAILABLE', status: 503, retryAfterMs: 1000 },
  overloaded: { code: 'UNAVAILABLE', status: 503, retryAfterMs: 1000 },
  // A mirror's client goes on to the origin. Another try here cannot succeed, so there is no `Retry-After`.
  'too-large': { code: 'UNAVAILABLE', status: 503 },
};
