// Manifest records, remembered.
import { manifestName } from '../index-changes.ts';
import type { ManifestIndex, ManifestRecord } from '../manifests.ts';
import type { CachedParts } from './cached-parts.ts';

export function createCachedManifests(
  inner: ManifestIndex,
  { entries, outage }: CachedParts<ManifestRecord>,
): ManifestIndex {
  return {
    async get(digest) {
      const name = manifestName(digest);
      return outage.read(
        () => entries.get(name, () => inner.get(digest)),
        () => entries.peek(name),
      );
    },
    async put(record) {
      const name = manifestName(record.digest);
      await outage.write(
        async () => {
          await inner.put(record);
          entries.drop(name);
        },
        () => entries.set(name, record),
      );
    },
    async remove(digest) {
      const name = manifestName(digest);
      return outage.write(
        async () => {
          const removed = await inner.remove(digest);
          entries.drop(name);
          return removed;
        },
        () => entries.take(name) !== undefined,
      );
    },
  };
}
