// Blob records, remembered.
import type { BlobIndex, BlobRecord } from '../blobs.ts';
import { blobName } from '../index-changes.ts';
import { type CachedParts, readCached, removeCached, writeCached } from './cached-parts.ts';

export function createCachedBlobs(inner: BlobIndex, parts: CachedParts<BlobRecord>): BlobIndex {
  const { entries, outage } = parts;

  /** Remembers a record that the index cannot be told of. */
  function keep(record: BlobRecord): void {
    const { lastPulledAtMs = 0 } = entries.peek(blobName(record.digest)) ?? {};
    entries.set(blobName(record.digest), {
      ...record,
      lastPulledAtMs: Math.max(lastPulledAtMs, record.lastPulledAtMs),
    });
  }

  return {
    get: (digest, options) => readCached(parts, blobName(digest), () => inner.get(digest), options),
    fromMemory: (digest) => entries.fromMemory(blobName(digest)),
    put: (record) =>
      writeCached(
        parts,
        [blobName(record.digest)],
        () => inner.put(record),
        () => keep(record),
      ),
    async adopt(record) {
      return outage.write(
        () => inner.adopt(record),
        () => {
          if (entries.peek(blobName(record.digest)) !== undefined) return false;
          keep(record);
          return true;
        },
      );
    },
    markVerified(digest) {
      const name = blobName(digest);
      return writeCached(
        parts,
        [name],
        () => inner.markVerified(digest),
        () => entries.change(name, (record) => ({ ...record, verified: true })),
      );
    },
    async touch(digest, atMs) {
      await outage.write(
        () => inner.touch(digest, atMs),
        () => {},
      );
      entries.change(blobName(digest), (record) => ({
        ...record,
        state: record.state === 'evicting' ? 'present' : record.state,
        lastPulledAtMs: Math.max(record.lastPulledAtMs, atMs),
      }));
    },
    markEvicting: (digest, lastPulledAtMs) => inner.markEvicting(digest, lastPulledAtMs),
    leastRecent: () => inner.leastRecent(),
    ofShard: (shard) => inner.ofShard(shard),
    remove: (digest, storedAtMs) => removeCached(parts, blobName(digest), () => inner.remove(digest, storedAtMs)),
    totals: () => inner.totals(),
  };
}
