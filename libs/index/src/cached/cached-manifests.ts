// Manifest records, remembered.
import { manifestName } from '../index-changes.ts';
import type { ManifestIndex, ManifestRecord } from '../manifests.ts';
import { type CachedParts, readCached, removeCached, writeCached } from './cached-parts.ts';

export function createCachedManifests(inner: ManifestIndex, parts: CachedParts<ManifestRecord>): ManifestIndex {
  return {
    get: (digest) => readCached(parts, manifestName(digest), () => inner.get(digest)),
    put(record) {
      const name = manifestName(record.digest);
      return writeCached(
        parts,
        [name],
        () => inner.put(record),
        () => parts.entries.set(name, record),
      );
    },
    remove: (digest) => removeCached(parts, manifestName(digest), () => inner.remove(digest)),
  };
}
