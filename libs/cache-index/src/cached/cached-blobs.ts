// Blob records, remembered.
import type { BlobIndex, BlobRecord } from '../blobs.ts';
import { blobName } from '../index-changes.ts';
import type { CachedParts } from './cached-parts.ts';

export function createCachedBlobs(inner: BlobIndex, { entries, outage }: CachedParts<BlobRecord>): BlobIndex {
  /** Remembers a record that the index cannot be told of. */
  function keep(record: BlobRecord): void {
    const { lastPulledAtMs = 0 } = entries.peek(blobName(record.digest)) ?? {};
    entries.set(blobName(record.digest), {
      ...record,
      lastPulledAtMs: Math.max(lastPulledAtMs, record.lastPulledAtMs),
    });
  }

  return {
    async get(digest, options) {
      const name = blobName(digest);
      const read = options?.fresh === true ? entries.load : entries.get;
      return outage.read(
        () => read(name, () => inner.get(digest)),
        () => entries.peek(name),
      );
    },
    async put(record) {
      await outage.write(
        async () => {
          await inner.put(record);
          entries.drop(blobName(record.digest));
        },
        () => keep(record),
      );
    },
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
    async markVerified(digest) {
      const name = blobName(digest);
      await outage.write(
        async () => {
          await inner.markVerified(digest);
          entries.drop(name);
        },
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
    async remove(digest, storedAtMs) {
      const name = blobName(digest);
      return outage.write(
        async () => {
          const removed = await inner.remove(digest, storedAtMs);
          entries.drop(name);
          return removed;
        },
        () => entries.take(name) !== undefined,
      );
    },
    totals: () => inner.totals(),
  };
}
