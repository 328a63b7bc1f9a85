// The interface to one upstream registry. Only workers hold one. A call ends when `signal` fires or its own deadline
// passes. Every method rejects with the reason of `signal`, or with a CacheError of one of these kinds:
// - `manifest-unknown`, `blob-unknown`, `name-unknown`: a 404, or a 401 with a valid token.
// - `denied`: a 403 with a valid token.
// - `upstream-rate-limited`: a 429, or a call that is not made because few or no pulls are left.
// - `upstream-refused-us`: our credentials are refused.
// - `upstream-unreachable`: a failure of the connection or of TLS, or a 5xx. `upstream-timeout`: a missed deadline.
// - `content-mismatch`: an answer that contradicts itself. `loop-detected`: the upstream leads back to this cache.
import type { Digest, Reference, RepositoryName } from '@cistern/oci';

/** The pull budget that the upstream reports in its headers. A field is unset if the upstream does not send it. */
export interface RateLimit {
  readonly limit?: number;
  readonly remaining?: number;
  readonly windowSeconds?: number;
  /** The value of Docker Hub's `docker-ratelimit-source`. */
  readonly source?: string;
}

export interface UpstreamManifestHead {
  /** From `Docker-Content-Digest`. `undefined` means that the upstream sent none, so only a GET shows the digest. */
  readonly digest: Digest | undefined;
  readonly mediaType: string;
  readonly size: number | undefined;
  readonly rateLimit?: RateLimit;
  /** A warning for users, in the form of a `Warning` header with code 299: `299 - "…"`. */
  readonly warning?: string;
}

export interface UpstreamManifest {
  /** The bytes exactly as sent, at most 4 MiB and not yet verified. */
  readonly bytes: Buffer;
  readonly digest: Digest | undefined;
  readonly mediaType: string;
  readonly rateLimit?: RateLimit;
  readonly warning?: string;
}

export interface UpstreamBlobBody {
  /** The offset of the first byte of `body` in the blob. */
  readonly start: number;
  /** The size of the whole blob in bytes. `undefined` means that the upstream did not send it. */
  readonly totalSize: number | undefined;
  /** The host that sends the body, after redirects. Unset if the body does not come from an upstream. */
  readonly host?: string | undefined;
  /**
   * Yields the bytes from `start` on. It can be iterated only one time. After a broken connection the remaining bytes
   * are requested as a range. The iteration throws if that fails or the upstream reports another size. If the length is
   * known, the iteration never ends early without an error. `close`, or leaving the iteration, destroys the stream of
   * the connection. The reader owns the chunks and may free their memory. So code that passes a chunk on must inspect
   * it before that.
   */
  readonly body: AsyncIterable<Buffer>;
  close(): void;
}

/**
 * The reason of a call. `cold` means that a client waits for content that is not cached. `revalidate` means that a
 * cached tag may have changed. `prewarm` means that no client waits. When few pulls are left, they are reserved for
 * `cold`.
 */
export type CallPurpose = 'cold' | 'revalidate' | 'prewarm';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default: `cold`. */
  readonly purpose?: CallPurpose | undefined;
}

export interface BlobRequestOptions extends CallOptions {
  /**
   * The first byte (default: 0) and the end, exclusive (default: the end of the blob). For a part of the blob the
   * upstream must answer 206 with a matching Content-Range. Otherwise the call rejects with `unsupported`, and the
   * caller falls back to the whole blob. After a 200, calls for a part of a blob are rejected for an hour without a
   * request.
   */
  readonly from?: number;
  readonly toExclusive?: number;
  /**
   * True if the call opens one more connection for a blob that is already being fetched. The request is sent only while
   * the requests that run or wait are fewer than the connection limit. It is not retried, and alternates are not
   * called. Rejects with `ExtraRefused` if the upstream or the connection limit refuses the request. The result changes
   * no breaker, pause or remembered failure.
   */
  readonly isExtra?: boolean;
}

export interface UpstreamTagsPage {
  readonly tags: readonly string[];
  readonly next?: { readonly last: string; readonly n?: number };
  readonly warning?: string;
}

export interface UpstreamReferrersPage {
  readonly bytes: Buffer;
  readonly filtersApplied?: string;
  readonly nextQuery?: string;
  readonly warning?: string;
}

export interface Upstream {
  readonly name: string;
  /** The maximum number of connections for one blob, 1 … 16. 1 means no extra connections. */
  readonly connectionsPerBlob: number;
  /**
   * A failed HEAD is not repeated as a GET, unless the upstream does not support HEAD. A digest is then confirmed by a
   * GET, and for a tag the returned digest is `undefined`.
   */
  headManifest(repository: RepositoryName, reference: Reference, options?: CallOptions): Promise<UpstreamManifestHead>;
  getManifest(repository: RepositoryName, reference: Reference, options?: CallOptions): Promise<UpstreamManifest>;
  /** Returns the size in bytes, or `undefined` if the upstream does not send it. */
  headBlob(repository: RepositoryName, digest: Digest, options?: CallOptions): Promise<number | undefined>;
  getBlob(repository: RepositoryName, digest: Digest, options?: BlobRequestOptions): Promise<UpstreamBlobBody>;
  listTags(
    repository: RepositoryName,
    page: { readonly n?: number | undefined; readonly last?: string | undefined },
    options?: CallOptions,
  ): Promise<UpstreamTagsPage>;
  /**
   * `nextQuery` is that of the previous page. A client sends it, so it is not trusted. A 404 rejects with
   * `manifest-unknown`, and clients then look for the `sha256-<hex>` tag.
   */
  listReferrers(
    repository: RepositoryName,
    digest: Digest,
    query: { readonly artifactType?: string | undefined; readonly nextQuery?: string | undefined },
    options?: CallOptions,
  ): Promise<UpstreamReferrersPage>;
  /**
   * Checks whether a caller may read the subject, by a request with the caller's credentials. Alternates are not
   * called. Resolves if the caller may read the subject. Rejects with `unauthenticated` (401), `denied` (403), the
   * `-unknown` kinds (404) and as other calls do.
   */
  checkAccess(
    repository: RepositoryName,
    subject: AccessSubject,
    caller: CallerCredentials,
    options?: CallOptions,
  ): Promise<AccessGrant>;
  close(): Promise<void>;
}

export interface AccessGrant {
  /**
   * True if the upstream has checked the caller's credentials. False means that the caller sent none, or that the
   * upstream may have ignored them.
   */
  readonly isProven: boolean;
}

/** The content of a repository that a caller requests. */
export type AccessSubject =
  | { readonly kind: 'manifest'; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'tags' };

/**
 * The credentials of a caller for an upstream. Only the upstream can verify them. They are secret, so they are neither
 * stored nor logged.
 */
export type CallerCredentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A token that the upstream or its token server issued. */
  | { readonly kind: 'token'; readonly token: string };
