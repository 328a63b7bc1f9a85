// Wraps a shared index for a frontend. It remembers records for seconds, and drops records that other nodes change.
// While the index is unavailable, it answers from memory.
import type { CacheIndex, IndexLog } from '../cache-index.ts';
import { createCachedBlobs, createCachedLinks, createCachedManifests, createCachedTags } from './cached-parts.ts';
import { createMemory } from './create-memory.ts';

export interface CachedIndexOptions {
  /**
   * The shared index. It must announce its changes, as the index in Redis does. The caller closes the shared index,
   * after the cached index.
   */
  readonly index: CacheIndex;
  readonly log: IndexLog;
  /** Limit on the remembered records of each kind. Default: 20,000, which take about 10 MB. */
  readonly maxEntries?: number;
}

/**
 * While the index is unavailable, reads of tags, manifests, blobs and links return remembered records of any age. If
 * they return `undefined`, the caller must search the store. Changes of these records are only remembered, and not
 * written to the index later. The store compensates for this loss, because it has the content and the objects of tags
 * and links. `epoch.isComplete` returns false. All other methods reject with `index-unavailable` as usual.
 */
export function createCachedIndex({ index, log, maxEntries = 20_000 }: CachedIndexOptions): CacheIndex {
  const memory = createMemory({ index, log, maxEntries, now: index.now });
  return {
    ...index,
    tags: createCachedTags(index.tags, memory),
    manifests: createCachedManifests(index.manifests, memory),
    blobs: createCachedBlobs(index.blobs, memory),
    links: createCachedLinks(index.links, memory),
    epoch: {
      ...index.epoch,
      isComplete: async () =>
        memory.reach.read(
          () => index.epoch.isComplete(),
          () => false,
        ),
    },
    close: async () => memory.reach.close(),
  };
}
