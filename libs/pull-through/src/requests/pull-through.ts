// What a frontend asks of the cache. Every method rejects with a CacheError whose kind says what a client should hear.
import type { ByteRange, Digest, Reference } from '@cistern/oci';
import type { ReferrersPage, TagsPage } from '@cistern/jobs';
import type { StaleReason } from '@cistern/telemetry';
import type { AuthorizedRepository } from '../access/authorized-repository.ts';

/** What happened, as the `X-Cache` header and the log say it. */
export type CacheResult = 'HIT' | 'STALE' | 'REVALIDATED' | 'JOINED' | 'MISS';

/** What a client's `Cache-Control` asks for, where it may. */
export interface FreshnessOptions {
  /** `no-cache`: ask upstream now. */
  readonly forceRevalidation?: boolean | undefined;
  /** `max-age`: nothing older, unless upstream cannot be asked. */
  readonly maxAgeMs?: number | undefined;
}

/** What upstream's word for it is worth. */
export interface FreshnessFacts {
  readonly cache: CacheResult;
  /** Of what is STALE: why. */
  readonly staleBecause?: StaleReason | undefined;
  /** Since upstream last confirmed it; `undefined` for what never changes. */
  readonly ageMs?: number | undefined;
  /** Upstream's `Warning` header about it, for people. */
  readonly warning?: string | undefined;
}

/** A question about a repository that the caller may pull. */
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
  /** As of an opened one; may be absent where only facts were asked for. */
  readonly bytes?: Buffer | undefined;
}

export interface OpenedManifest extends ManifestFacts {
  /** Exactly as upstream sent it. Shared: do not write to it. */
  readonly bytes: Buffer;
}

export interface TagsRequest extends PullRequest, FreshnessOptions {
  readonly n?: number;
  readonly last?: string;
}

export interface ReferrersRequest extends PullRequest, FreshnessOptions {
  readonly digest: Digest;
  readonly artifactType?: string;
  /** As the page before this one gave it. */
  readonly nextQuery?: string;
}

export interface BlobRequest extends PullRequest {
  readonly digest: Digest;
  /** `stat` reads nothing; `whole` reads from 0 to the end; `ranges` calls `read` with ranges once the size is known. */
  readonly intent: 'stat' | 'whole' | 'ranges';
  /** A name for who asks, by which a second try is told from a first. Absent: each is a first. */
  readonly client?: string | undefined;
}

export interface BlobFromMemory {
  readonly digest: Digest;
  readonly size: number;
  readonly cache: CacheResult;
  /** All of them. Shared: do not write to it. */
  readonly bytes: Buffer;
}

export interface OpenedBlob {
  readonly digest: Digest;
  /** Bytes of the whole blob. */
  readonly size: number;
  readonly cache: CacheResult;
  /**
   * Opens the bytes of `range` (default: all). May be called again, one stream after another. Resolves when bytes are
   * certain to come, so that errors known before the first byte reject here.
   */
  read(range?: ByteRange): Promise<BlobStream>;
  /**
   * A URL of the store at which the client may read the blob itself, for some time. Absent for a blob that is not stored
   * or not verified, and where nobody may go to the store; `undefined` when the store does not have it after all or does
   * not answer: the blob is to be `read` then.
   */
  locate?(): Promise<string | undefined>;
}

/** The opener closes it, at the end too. */
export interface BlobStream {
  readonly cache: CacheResult;
  /**
   * The next bytes, or `undefined` after the last. The chunk is shared and valid until the next call of `next` or
   * `close`: write it out whole before. Rejects if the promised bytes cannot be had or fail verification: then destroy
   * the client's socket.
   */
  next(): Promise<Uint8Array | undefined>;
  close(): void;
}

export interface PullThrough {
  /**
   * What the two below would bring, at once, if this process can tell it from memory alone; `undefined`: call them. `bytes` are
   * there if they were asked for. Throws nothing.
   */
  manifestFromMemory(request: ManifestRequest, want: 'facts' | 'bytes'): ManifestFromMemory | undefined;
  /** For HEAD: never reads or fetches the manifest's bytes where a HEAD upstream is enough. */
  statManifest(request: ManifestRequest): Promise<ManifestFacts>;
  openManifest(request: ManifestRequest): Promise<OpenedManifest>;
  /** A whole blob at once, if this process can tell it from memory alone; `undefined`: open it. Throws nothing. */
  blobFromMemory(request: BlobRequest): BlobFromMemory | undefined;
  openBlob(request: BlobRequest): Promise<OpenedBlob>;
  listTags(request: TagsRequest): Promise<TagsPage & FreshnessFacts>;
  listReferrers(request: ReferrersRequest): Promise<ReferrersPage & FreshnessFacts>;
  /** Repositories of which something is cached, as `<upstream>/<repository>`, in byte order. */
  listRepositories(page: { readonly after?: string; readonly limit: number }): Promise<readonly string[]>;
}
