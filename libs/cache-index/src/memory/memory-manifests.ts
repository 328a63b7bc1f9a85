// Manifest records in a map.
import type { Digest } from '@cistern/oci';
import type { ManifestIndex, ManifestRecord } from '../manifests.ts';

export function createMemoryManifests(checkAvailable: () => void): ManifestIndex {
  const records = new Map<Digest, ManifestRecord>();
  return {
    async get(digest) {
      checkAvailable();
      return records.get(digest);
    },
    async put(record) {
      checkAvailable();
      records.set(record.digest, { ...record });
    },
    async remove(digest) {
      checkAvailable();
      return records.delete(digest);
    },
  };
}
