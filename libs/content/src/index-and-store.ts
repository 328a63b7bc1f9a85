import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';

/** The index and the store of one cache. */
export interface IndexAndStore {
  readonly index: CacheIndex;
  readonly store: BlobStore;
}
