// One upstream registry as its callers see it. Only workers hold one. Every method rejects with a CacheError:
// `manifest-unknown` `blob-unknown` `name-unknown` (404, and 401 with a valid token), `denied` (403 with a valid token),
// `upstream-rate-limited` (429, or the budget is spared), `upstream-refused-us` (our credentials), `upstream-unreachable`
// (connection, TLS, 5xx), `upstream-timeout`, `content-mismatch` (an answer that contradicts itself), `loop-detected`; or with
// the reason of `signal`. All calls end by `signal` or their own deadlines.
import type { Digest, Reference, RepositoryName } from '@cistern/oci';

/** What upstream's own headers say of the budget; absent where it sends none. */
export interface RateLimit {
  readonly limit?: number;
  readonly remaining?: number;
  readonly windowSeconds?: number;
  /** Docker Hub's `docker-ratelimit-source`. */
  readonly source?: string;
}

export interface UpstreamManifestHead {
  /** From `Docker-Content-Digest`; `undefined` where upstream sends none: then only a GET tells. */
  readonly digest: Digest | undefined;
  readonly mediaType: string;
  readonly size: number | undefined;
  readonly rateLimit?: RateLimit;
  /** For people, as a `Warning` header with code 299 has it: `299 - "…"`. */
  readonly warning?: string;
}

export interface UpstreamManifest {
  /** Exactly as sent, at most 4 MiB. Not yet verified against anything. */
  readonly bytes: Buffer;
  readonly digest: Digest | undefined;
  readonly mediaType: string;
  readonly rateLimit?: RateLimit;
  readonly warning?: string;
}

export interface UpstreamBlobBody {
  /** First byte of `body` within the blob. */
  readonly start: number;
  /** Bytes of the whole blob; `undefined` where upstream does not say. */
  readonly totalSize: number | undefined;
  /** The host that sends the body, after redirects. Unset where the body does not come from an upstream. */
  readonly host?: string | undefined;
  /**
   * The bytes from `start` on, once. A break is resumed inside by a range as long as the sizes agree; otherwise the iteration
   * throws. It never ends early without throwing when the length is known. Ending the iteration early or
   * `close` destroys the connection's body. Chunks are the reader's own, and it may free their
   * memory: whoever passes them on looks at them before.
   */
  readonly body: AsyncIterable<Buffer>;
  close(): void;
}

/**
 * Why a call is made: somebody waits for what is not here, what is here may have changed, or nobody waits at all. When
 * an upstream lets us pull little more, what is left is for the first.
 */
export type CallPurpose = 'cold' | 'revalidate' | 'prewarm';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default `cold`. */
  readonly purpose?: CallPurpose | undefined;
}

export interface BlobRequestOptions extends CallOptions {
  /**
   * First byte wanted (default 0) and one past the last (default: the end). Unless that is the whole, upstream must answer
   * 206 with a matching Content-Range, else `unsupported`: the caller then falls back to the whole. After a 200 the same is said
   * for an hour without a request.
   */
  readonly from?: number;
  readonly toExclusive?: number;
  /**
   * Opens one more connection for a blob that is being fetched. It begins only while fewer requests run or wait than there are
   * places, is tried once, and no alternate answers it. Rejects with `ExtraRefused` where upstream or the cap on connections does
   * not give it. No breaker, pause or remembered failure changes by it.
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
  /** The most connections for one blob, 1 … 16; 1: no extra ones. */
  readonly connectionsPerBlob: number;
  /**
   * Never turned into a GET when it fails. Where upstream refuses HEAD as a method, a tag's digest is `undefined`, and a digest is
   * confirmed by a GET.
   */
  headManifest(repository: RepositoryName, reference: Reference, options?: CallOptions): Promise<UpstreamManifestHead>;
  getManifest(repository: RepositoryName, reference: Reference, options?: CallOptions): Promise<UpstreamManifest>;
  /** Bytes, or `undefined` where upstream does not say. */
  headBlob(repository: RepositoryName, digest: Digest, options?: CallOptions): Promise<number | undefined>;
  getBlob(repository: RepositoryName, digest: Digest, options?: BlobRequestOptions): Promise<UpstreamBlobBody>;
  listTags(
    repository: RepositoryName,
    page: { readonly n?: number | undefined; readonly last?: string | undefined },
    options?: CallOptions,
  ): Promise<UpstreamTagsPage>;
  /**
   * `nextQuery`: as the page before gave it, or a client says it did. Upstream's 404 is `manifest-unknown`: clients then look for
   * the `sha256-<hex>` tag.
   */
  listReferrers(
    repository: RepositoryName,
    digest: Digest,
    query: { readonly artifactType?: string | undefined; readonly nextQuery?: string | undefined },
    options?: CallOptions,
  ): Promise<UpstreamReferrersPage>;
  /**
   * Whether a caller may read what it asks for, by a request in its own name; of alternates nobody asks that. Resolves if
   * so. Rejects with `unauthenticated` (401), `denied` (403), the `-unknown` kinds (404) and as other calls do.
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
  /** The upstream has checked the caller's credentials. `false`: there were none, or it may not have looked at them. */
  readonly isProven: boolean;
}

/** What a caller asks for of a repository. */
export type AccessSubject =
  | { readonly kind: 'manifest'; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'tags' };

/** What a caller shows an upstream, which alone can judge it. Secret: it is neither kept nor logged. */
export type CallerCredentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Issued by the upstream, or by its token server. */
  | { readonly kind: 'token'; readonly token: string };
