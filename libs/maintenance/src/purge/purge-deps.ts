// What a purge works with, and what comes of it.
import type { BlobStore, ImageName } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { ReadPinnedDigests } from '../eviction/create-pinned-digests.ts';

export interface PurgeDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  /** The upstream that a registry:2 cache's files in the store came from. */
  readonly adoptAs: string | undefined;
  readonly now: () => number;
}

/** One that goes on: nobody rebuilds the index meanwhile, and no other purge runs. */
export interface PurgeStep extends PurgeDeps {
  readonly pins: readonly ImageName[];
  /** All that pinned images are made of: its bytes stay. */
  readonly readPinned: ReadPinnedDigests;
  readonly signal: AbortSignal;
}

export interface Purged {
  readonly tags: number;
  /** Whose bytes are gone; what others refer to stays. */
  readonly manifests: number;
  readonly blobs: number;
}

/** `pinnedBy`: nothing was purged, because these are pinned. */
export type PurgeResult = { readonly purged: Purged } | { readonly pinnedBy: readonly ImageName[] };
