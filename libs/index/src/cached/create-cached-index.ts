// A shared index as a frontend uses it: it remembers for seconds what it has read, forgets at once what others change, and
// goes on answering from memory when the index cannot be reached.
import type { CacheIndex, IndexLog } from '../cache-index.ts';
import { createCachedBlobs, createCachedLinks, createCachedManifests, createCachedTags } from './cached-parts.ts';
import { createMemory } from './create-memory.ts';

export interface CachedIndexOptions {
  /** Announces its changes, as that in Redis does. Its opener closes it, after the cached one. */
  readonly index: CacheIndex;
  readonly log: IndexLog;
  /** Of each kind of record; default 20,000, about 10 MB. */
  readonly maxEntries?: number;
}

/**
 * While the index cannot be reached, records of tags, manifests, blobs and links are those remembered, however old, or
 * `undefined`, which means that the store has to be asked; changes of them are remembered and otherwise lost, which the
 * store makes up for; and `epoch.isComplete` is false. Everything else rejects with `index-unavailable` as ever.
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
