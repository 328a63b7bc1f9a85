import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';

/** Of one cache. */
export interface IndexAndStore {
  readonly index: CacheIndex;
  readonly store: BlobStore;
}
