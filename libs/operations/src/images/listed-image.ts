// What the admin API says of images. Times are milliseconds since 1970, sizes are bytes; null is what is not known.
import type { Digest, RepositoryName, Tag } from '@cistern/oci';

/** `stale`: served, and confirmed behind the answer; `expired`: upstream is asked first. */
export type ImageFreshness = 'fresh' | 'stale' | 'expired';

interface ListedImage {
  readonly upstream: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  /** As `docker pull` writes it. */
  readonly name: string;
  readonly digest: Digest;
  /** When the tag began to name this digest here, and when upstream last confirmed it. */
  readonly fetchedAt: number;
  readonly confirmedAt: number | null;
  readonly fresh: ImageFreshness;
  readonly lastPulledAt: number | null;
  readonly pinned: boolean;
}

export interface ListedImages {
  readonly images: readonly ListedImage[];
  /** Null: that was all. A page may be short, or empty, and have one. */
  readonly cursor: string | null;
}

export interface ImageDetails {
  /** In full. */
  readonly image: string;
  readonly upstream: string;
  readonly repository: RepositoryName;
  readonly tag: Tag | null;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly tags: readonly Tag[];
  readonly platforms: readonly {
    readonly platform: string | null;
    readonly digest: Digest;
    readonly bytes: number;
    readonly cachedBytes: number;
    readonly layers: readonly {
      readonly digest: Digest;
      readonly bytes: number;
      readonly mediaType: string;
      readonly cached: boolean;
    }[];
  }[];
  readonly lastPulledAt: number | null;
  /** Of a digest, which never changes, null. */
  readonly freshness: TagFreshness | null;
  readonly pinned: boolean;
}

interface TagFreshness {
  readonly fresh: ImageFreshness;
  readonly firstSeenAt: number;
  readonly fetchedAt: number;
  readonly confirmedAt: number | null;
  readonly lastTriedAt: number | null;
  /** The kind of error with which the last question to upstream ended. */
  readonly lastFailure: string | null;
  readonly pulls: number;
  /** Of the policy; null: for ever. */
  readonly ttlMs: number | null;
  readonly staleWhileRevalidateMs: number | null;
  readonly staleIfErrorMs: number | null;
}

export interface PopularImage {
  readonly upstream: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly name: string;
  /** Pulls of late: one counts half after a day. */
  readonly score: number;
  /** Of the repository, whatever the tag. */
  readonly platforms: readonly { readonly platform: string; readonly score: number }[];
}
