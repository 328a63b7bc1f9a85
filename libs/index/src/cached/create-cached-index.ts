// A shared index as a frontend uses it. It remembers records for seconds, drops records that other nodes change, and
// answers from memory while the index is unreachable.
import type { CacheIndex, IndexLog } from '../cache-index.ts';
import { createCachedBlobs, createCachedLinks, createCachedManifests, createCachedTags } from './cached-parts.ts';
import { createMemory } from './create-memory.ts';

export interface CachedIndexOptions {
  /**
   * Must announce its changes, as the index in Redis does. The caller that opened it closes it, after the cached index.
   */
  readonly index: CacheIndex;
  readonly log: IndexLog;
  /** Limit for each kind of record; default 20,000, about 10 MB. */
  readonly maxEntries?: number;
}

/**
 * While the index is unreachable, records of tags, manifests, blobs and links come from memory, however old.
 * `undefined` then means that the caller must look in the store. Changes of these records stay in memory only; the
 * store makes up for the loss. `epoch.isComplete` is false. Everything else rejects with `index-unavailable` as usual.
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
