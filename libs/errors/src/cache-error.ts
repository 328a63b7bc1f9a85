// The only error that Cistern's libraries throw on purpose. It contains nothing about HTTP, because the frontend's error table
// maps each kind to a response.

export const cacheErrorKinds = [
  'name-invalid',
  'digest-invalid',
  'reference-invalid',
  'manifest-unknown',
  'blob-unknown',
  'name-unknown',
  'unauthenticated',
  'denied',
  'unsupported',
  'range-unsatisfiable',
  'client-rate-limited',
  'upstream-rate-limited',
  'upstream-refused-us',
  'upstream-unreachable',
  'upstream-timeout',
  'content-mismatch',
  'loop-detected',
  'store-unavailable',
  'index-unavailable',
  'overloaded',
  'too-large',
] as const;

export type CacheErrorKind = (typeof cacheErrorKinds)[number];

export interface CacheErrorOptions {
  /** Structured details for the error body and the log. Must never contain a secret. */
  readonly detail?: unknown;
  /** True if the same call may succeed soon. */
  readonly retryable?: boolean;
  /** How long the caller should wait before a retry, in milliseconds. */
  readonly retryAfterMs?: number;
  /**
   * True if the cause may be this node's own network, disk or memory, so that another node may succeed. This field is not sent to
   * other nodes.
   */
  readonly isLocal?: boolean;
  readonly cause?: unknown;
}

/**
 * A failure with a kind. `message` is a complete sentence that a user can act on. Clients can see it, so it must not contain a
 * secret.
 */
export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly kind: CacheErrorKind;
  readonly detail: unknown;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly isLocal: boolean;

  constructor(kind: CacheErrorKind, message: string, options: CacheErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.detail = options.detail;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.isLocal = options.isLocal ?? false;
  }
}

export function isCacheError(error: unknown, ...kinds: CacheErrorKind[]): error is CacheError {
  return error instanceof CacheError && (kinds.length === 0 || kinds.includes(error.kind));
}
