// Adds announcements of changed records to an index, as the index in Redis has them. Processes then drop these records
// from memory.
import type { Digest } from '@cistern/oci';
import type { CacheIndex } from '../cache-index.ts';
import { blobName, changesTopic, linkName, manifestName, tagName } from '../records.ts';
import type { Link } from '../links.ts';

/** Returns `index` with announcements. Calls `publish` after each write and before the write resolves. */
export function publishChanges(index: CacheIndex, { publish }: CacheIndex['pubsub']): CacheIndex {
  const { tags, manifests, blobs, links, fills } = index;
  const announce = async (names: readonly string[]) => {
    if (names.length > 0) await publish(changesTopic, names.join('\n'));
  };
  const publishIf = async (isChanged: boolean, name: string) => {
    if (isChanged) await announce([name]);
    return isChanged;
  };
  const publishAll = async (changed: Digest[]) => {
    await announce(changed.map(blobName));
    return changed;
  };

  return {
    ...index,
    tags: {
      ...tags,
      async put(record) {
        await tags.put(record);
        await announce([tagName(record)]);
      },
      replace: async (before, record) => publishIf(await tags.replace(before, record), tagName(record)),
      remove: async (key, seen) => publishIf(await tags.remove(key, seen), tagName(key)),
    },
    manifests: {
      ...manifests,
      remove: async (digest) => publishIf(await manifests.remove(digest), manifestName(digest)),
    },
    blobs: {
      ...blobs,
      async put(record) {
        await blobs.put(record);
        await announce([blobName(record.digest)]);
      },
      async markVerified(digest, table) {
        await blobs.markVerified(digest, table);
        await announce([blobName(digest)]);
      },
      remove: async (...given) => publishIf(await blobs.remove(...given), blobName(given[0])),
    },
    links: {
      ...links,
      async put(key, added) {
        const before = await Promise.all(added.map(({ digest }) => links.get(key, digest)));
        await links.put(key, added);
        const changed = added.filter((link, i) => before[i] !== undefined && isChange(before[i], link));
        await announce(changed.map(({ digest }) => linkName(key, digest)));
      },
      remove: async (key, digest) => publishIf(await links.remove(key, digest), linkName(key, digest)),
    },
    fills: {
      ...fills,
      async done(digest, owner, blob) {
        const isDone = await fills.done(digest, owner, blob);
        await announce([blobName(digest)]);
        return isDone;
      },
      beginDeletions: async (...given) => publishAll(await fills.beginDeletions(...given)),
      endDeletions: async (...given) => publishAll(await fills.endDeletions(...given)),
    },
  };
}

function isChange(before: Link, link: Link): boolean {
  const isConfirmedNow = link.confirmed === true && before.confirmed !== true;
  return (
    isConfirmedNow ||
    (['kind', 'size', 'mediaType', 'platform'] as const).some((field) => before[field] !== link[field])
  );
}
