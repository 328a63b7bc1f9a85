// The interface to one upstream registry. Only workers hold one. All calls end by `signal` or their own deadlines.
// Every method rejects with the reason of `signal`, or with a CacheError of one of these kinds:
// - `manifest-unknown`, `blob-unknown`, `name-unknown`: a 404, or a 401 with a valid token.
// - `denied`: a 403 with a valid token.
// - `upstream-rate-limited`: a 429, or a refusal to spare the budget.
// - `upstream-refused-us`: our credentials are refused.
// - `upstream-unreachable`: a failure of the connection or of TLS, or a 5xx. `upstream-timeout`: a missed deadline.
// - `content-mismatch`: an answer that contradicts itself. `loop-detected`: the upstream leads back to this cache.
import type { Digest, Reference, RepositoryName } from '@cistern/oci';

/** The budget in the upstream's headers. A field is unset if the upstream does not send it. */
export interface RateLimit {
  readonly limit?: number;
  readonly remaining?: number;
  readonly windowSeconds?: number;
  /** The value of Docker Hub's `docker-ratelimit-source`. */
  readonly source?: string;
}

export interface UpstreamManifestHead {
  /** From `Docker-Content-Digest`. `undefined` means that the upstream sent none: then only a GET shows the digest. */
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
   * Yields the bytes from `start` on, once. A broken connection is resumed by a range while the sizes agree. Otherwise
   * the iteration throws. If the length is known, it never ends early without an error. Ending the iteration early, or
   * `close`, destroys the connection's body. The reader owns the chunks and may free their memory, so code that passes
   * a chunk on inspects it first.
   */
  readonly body: AsyncIterable<Buffer>;
  close(): void;
}

/**
 * Why a call is made. `cold` means that a client waits for content that is not cached, and `revalidate` that a cached
 * tag may have changed. `prewarm` means that no client waits. If the upstream allows few more pulls, they are reserved
 * for `cold`.
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
   * caller falls back to the whole blob. After a 200 such calls are rejected for an hour without a request.
   */
  readonly from?: number;
  readonly toExclusive?: number;
  /**
   * Opens one more connection for a blob that is being fetched. It begins only while fewer requests run or wait than
   * the connection limit. It is not retried, and no alternate answers it. Rejects with `ExtraRefused` if the upstream
   * or the connection limit refuses it. It changes no breaker, pause or remembered failure.
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
   * A failed HEAD never becomes a GET. If the upstream refuses HEAD as a method, a tag's digest is `undefined`, and a
   * digest is confirmed by a GET.
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
   * `nextQuery` comes from the previous page, or from a client that claims so. A 404 is `manifest-unknown`: clients
   * then look for the `sha256-<hex>` tag.
   */
  listReferrers(
    repository: RepositoryName,
    digest: Digest,
    query: { readonly artifactType?: string | undefined; readonly nextQuery?: string | undefined },
    options?: CallOptions,
  ): Promise<UpstreamReferrersPage>;
  /**
   * Checks whether a caller may read the subject, by a request in its own name. Alternates are not called. Resolves if
   * it may read. Rejects with `unauthenticated` (401), `denied` (403), the `-unknown` kinds (404) and as other calls
   * do.
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
   * True if the upstream has checked the caller's credentials. False means that there were none, or that it may have
   * ignored them.
   */
  readonly isProven: boolean;
}

/** The content of a repository that a caller requests. */
export type AccessSubject =
  | { readonly kind: 'manifest'; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'tags' };

/**
 * The credentials of a caller for an upstream, which alone can verify them. They are secret: they are neither stored
 * nor logged.
 */
export type CallerCredentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A token that the upstream or its token server issued. */
  | { readonly kind: 'token'; readonly token: string };
