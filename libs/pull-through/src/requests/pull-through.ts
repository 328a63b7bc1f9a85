// The cache's interface for frontends. Every method rejects with a `CacheError`, whose kind determines the response to the
// client.
import type { ByteRange, Digest, Reference } from '@cistern/oci';
import type { ReferrersPage, TagsPage } from '@cistern/jobs';
import type { StaleReason } from '@cistern/telemetry';
import type { AuthorizedRepository } from '../access/authorized-repository.ts';

/** How a request was served, as the `X-Cache` header and the log show it. */
export type CacheResult = 'HIT' | 'STALE' | 'REVALIDATED' | 'JOINED' | 'MISS';

/** The options from the `Cache-Control` header of a client that is allowed to use it. */
export interface FreshnessOptions {
  /** `no-cache`: the upstream must confirm the content now. */
  readonly forceRevalidation?: boolean | undefined;
  /** `max-age`: the upstream must confirm content that is older, if it is available. */
  readonly maxAgeMs?: number | undefined;
}

/** How fresh the content is. */
export interface FreshnessFacts {
  readonly cache: CacheResult;
  /** The reason for STALE. */
  readonly staleBecause?: StaleReason | undefined;
  /** Milliseconds since the upstream last confirmed the content. `undefined` for content that never changes. */
  readonly ageMs?: number | undefined;
  /** The upstream's `Warning` header, meant for humans. */
  readonly warning?: string | undefined;
}

/** A request for a repository that the caller may pull. */
export interface PullRequest {
  readonly target: AuthorizedRepository;
  readonly signal?: AbortSignal | undefined;
}

export interface ManifestRequest extends PullRequest, FreshnessOptions {
  readonly reference: Reference;
}

export interface ManifestFacts extends FreshnessFacts {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
}

export interface ManifestFromMemory extends ManifestFacts {
  /** The same as in `OpenedManifest`. May be unset if only `facts` were requested. */
  readonly bytes?: Buffer | undefined;
}

export interface OpenedManifest extends ManifestFacts {
  /** The bytes exactly as the upstream sent them. The buffer is shared, so do not write to it. */
  readonly bytes: Buffer;
}

export interface TagsRequest extends PullRequest, FreshnessOptions {
  readonly n?: number;
  readonly last?: string;
}

export interface ReferrersRequest extends PullRequest, FreshnessOptions {
  readonly digest: Digest;
  readonly artifactType?: string;
  /** The value of `nextQuery` from the previous page. */
  readonly nextQuery?: string;
}

export interface BlobRequest extends PullRequest {
  readonly digest: Digest;
  /** `stat` reads nothing. `whole` reads from 0 to the end. `ranges` reads the size first, then calls `read` with ranges. */
  readonly intent: 'stat' | 'whole' | 'ranges';
  /** Identifies the client, so that a second try is recognized. Unset means that each request counts as a first try. */
  readonly client?: string | undefined;
}

export interface BlobFromMemory {
  readonly digest: Digest;
  readonly size: number;
  readonly cache: CacheResult;
  /** The whole blob. The buffer is shared, so do not write to it. */
  readonly bytes: Buffer;
}

export interface OpenedBlob {
  readonly digest: Digest;
  /** The number of bytes of the whole blob. */
  readonly size: number;
  readonly cache: CacheResult;
  /**
   * Opens the bytes of `range` (default: all). May be called again, one stream after another. Resolves when the source has the
   * first bytes, so errors before the first byte reject here.
   */
  read(range?: ByteRange): Promise<BlobStream>;
  /**
   * Resolves to a URL of the store at which the client can read the blob for some time. Resolves to `undefined` if the store
   * lacks the blob or is unavailable. Then call `read`. The method is unset for a blob that is not stored or not verified, and
   * if clients get no URLs.
   */
  locate?(): Promise<string | undefined>;
}

/** A stream of a blob's bytes. The opener closes it, also after the last byte. */
export interface BlobStream {
  readonly cache: CacheResult;
  /**
   * Returns the next bytes, or `undefined` after the last. Returns a promise of them if they are not in memory. The chunk is
   * shared, and valid only until the next call of `next` or `close`, so write all of it before that call. Throws or rejects if
   * the bytes are unavailable or fail verification. Then destroy the client's socket.
   */
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  close(): void;
}

export interface PullThrough {
  /**
   * Returns the same result as `statManifest` for `facts`, or `openManifest` for `bytes`, from memory. Returns `undefined` if
   * memory is not enough. `bytes` of the result is set if requested. Never throws.
   */
  manifestFromMemory(request: ManifestRequest, want: 'facts' | 'bytes'): ManifestFromMemory | undefined;
  /** Serves a HEAD request. The manifest's bytes are not read or fetched if a HEAD at the upstream is enough. */
  statManifest(request: ManifestRequest): Promise<ManifestFacts>;
  openManifest(request: ManifestRequest): Promise<OpenedManifest>;
  /** Returns a whole blob from memory, or `undefined` if memory is not enough. Never throws. */
  blobFromMemory(request: BlobRequest): BlobFromMemory | undefined;
  openBlob(request: BlobRequest): Promise<OpenedBlob>;
  listTags(request: TagsRequest): Promise<TagsPage & FreshnessFacts>;
  listReferrers(request: ReferrersRequest): Promise<ReferrersPage & FreshnessFacts>;
  /** Lists repositories with cached content, as `<upstream>/<repository>`, in byte order. */
  listRepositories(page: { readonly after?: string; readonly limit: number }): Promise<readonly string[]>;
}
