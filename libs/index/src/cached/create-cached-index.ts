// A shared index as a frontend uses it: it remembers for seconds what it has read, forgets at once what others change, and
// goes on answering from memory when the index cannot be reached.
import type { BlobRecord } from '../blobs.ts';
import type { CacheIndex } from '../cache-index.ts';
import type { IndexLog } from '../index-log.ts';
import type { Link } from '../links.ts';
import type { ManifestRecord } from '../manifests.ts';
import type { TagRecord } from '../tags.ts';
import { createCachedBlobs } from './cached-blobs.ts';
import { createCachedLinks } from './cached-links.ts';
import { createCachedManifests } from './cached-manifests.ts';
import { createCachedTags } from './cached-tags.ts';
import { createEntries } from './create-entries.ts';
import { createOutage } from './create-outage.ts';
import { followChanges } from './follow-changes.ts';

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
  const isListening = () => changes.isListening();
  const options = { maxEntries, now, isListening };
  const tags = createEntries<TagRecord>(options);
  const manifests = createEntries<ManifestRecord>(options);
  const blobs = createEntries<BlobRecord>(options);
  const links = createEntries<Link>(options);
  const all = [tags, manifests, blobs, links];

  function distrust(): void {
    for (const entries of all) entries.distrust();
  }

  const changes = followChanges({
    pubsub: index.pubsub,
    onChange(name) {
      for (const entries of all) entries.drop(name);
    },
    onGap: distrust,
  });
  const outage = createOutage({ log, probe: () => index.check(), onEnd: distrust });

  return {
    ...index,
    tags: createCachedTags(index.tags, { entries: tags, outage }),
    manifests: createCachedManifests(index.manifests, { entries: manifests, outage }),
    blobs: createCachedBlobs(index.blobs, { entries: blobs, outage }),
    links: createCachedLinks(index.links, { entries: links, outage }),
    epoch: {
      ...index.epoch,
      isComplete: async () =>
        outage.read(
          () => index.epoch.isComplete(),
          () => false,
        ),
    },
    async close() {
      changes.close();
      outage.close();
    },
  };
}
