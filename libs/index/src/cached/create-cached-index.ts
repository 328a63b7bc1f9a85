// A shared index as a frontend uses it: it remembers for seconds what it has read, forgets at once what others change, and
// goes on answering from memory when the index cannot be reached.
import type { CacheIndex, IndexLog } from '../cache-index.ts';
import { createCachedBlobs, createCachedLinks, createCachedManifests, createCachedTags } from './cached-parts.ts';
import { createEntries, type Entries, type Remember } from './create-entries.ts';
import { createReach } from './create-reach.ts';

export interface CachedIndexOptions {
  /** Announces its changes, as that in Redis does. Its opener closes it, after the cached one. */
  readonly index: CacheIndex;
  readonly log: IndexLog;
  readonly now: () => number;
  /** Of each kind of record; default 20,000, about 10 MB. */
  readonly maxEntries?: number;
}

/**
 * While the index cannot be reached, records of tags, manifests, blobs and links are those remembered, however old, or
 * `undefined`, which means that the store has to be asked; changes of them are remembered and otherwise lost, which the
 * store makes up for; and `epoch.isComplete` is false. Everything else rejects with `index-unavailable` as ever.
 */
export function createCachedIndex({ index, log, now, maxEntries = 20_000 }: CachedIndexOptions): CacheIndex {
  const all: Pick<Entries<never>, 'drop' | 'distrust'>[] = [];
  const reach = createReach({
    index,
    log,
    onChange(name) {
      for (const entries of all) entries.drop(name);
    },
    onGap() {
      for (const entries of all) entries.distrust();
    },
  });

  const remember: Remember = <T extends object>(merge?: (before: T, record: T) => T) => {
    const entries = createEntries<T>({ maxEntries, now, reach }, merge);
    all.push(entries);
    return entries;
  };

  return {
    ...index,
    tags: createCachedTags(index.tags, remember),
    manifests: createCachedManifests(index.manifests, remember),
    blobs: createCachedBlobs(index.blobs, remember),
    links: createCachedLinks(index.links, remember),
    epoch: {
      ...index.epoch,
      isComplete: async () =>
        reach.read(
          () => index.epoch.isComplete(),
          () => false,
        ),
    },
    close: async () => reach.close(),
  };
}
