// Blob records in a map, with running totals.
import { type Digest, digestHex } from '@cistern/oci';
import type { BlobIndex, BlobRecord } from '../blobs.ts';
import { compareBytes } from '../compare-bytes.ts';
import type { BlobTable } from '../in-process/blob-table.ts';

export interface MemoryBlobs {
  readonly blobs: BlobIndex;
  readonly table: BlobTable;
}

export function createMemoryBlobs(checkAvailable: () => void): MemoryBlobs {
  const records = new Map<Digest, BlobRecord>();
  let bytes = 0;

  function putBlob(record: BlobRecord): void {
    const previous = records.get(record.digest);
    bytes += record.size - (previous?.size ?? 0);
    const lastPulledAtMs = Math.max(record.lastPulledAtMs, previous?.lastPulledAtMs ?? 0);
    records.set(record.digest, { ...record, lastPulledAtMs });
  }

  function change(digest: Digest, changed: (record: BlobRecord) => BlobRecord): void {
    const record = records.get(digest);
    if (record !== undefined) records.set(digest, changed(record));
  }

  function removeBlob(digest: Digest): boolean {
    bytes -= records.get(digest)?.size ?? 0;
    return records.delete(digest);
  }

  const blobs: BlobIndex = {
    async get(digest) {
      checkAvailable();
      return records.get(digest);
    },
    recall: (digest) => records.get(digest),
    async put(record) {
      checkAvailable();
      putBlob(record);
    },
    async adopt(record) {
      checkAvailable();
      if (records.has(record.digest)) return false;
      putBlob(record);
      return true;
    },
    async markVerified(digest) {
      checkAvailable();
      change(digest, (record) => ({ ...record, verified: true }));
    },
    async touch(digest, atMs) {
      checkAvailable();
      change(digest, (record) => ({
        ...record,
        state: record.state === 'evicting' ? 'present' : record.state,
        lastPulledAtMs: Math.max(record.lastPulledAtMs, atMs),
      }));
    },
    async markEvicting(digest, lastPulledAtMs) {
      checkAvailable();
      const record = records.get(digest);
      if (record === undefined || record.lastPulledAtMs > lastPulledAtMs) return false;
      if (record.state === 'present') records.set(digest, { ...record, state: 'evicting' });
      return true;
    },
    async *leastRecent() {
      checkAvailable();
      const sorted = [...records.values()].sort(
        (one, two) => one.lastPulledAtMs - two.lastPulledAtMs || compareBytes(one.digest, two.digest),
      );
      for (const { digest, lastPulledAtMs } of sorted) {
        checkAvailable();
        const record = records.get(digest);
        if (record?.lastPulledAtMs === lastPulledAtMs) yield record;
      }
    },
    async ofShard(shard) {
      checkAvailable();
      return [...records.values()].filter(({ digest }) => digestHex(digest).startsWith(shard));
    },
    async remove(digest, storedAtMs) {
      checkAvailable();
      if (storedAtMs !== undefined && records.get(digest)?.storedAtMs !== storedAtMs) return false;
      return removeBlob(digest);
    },
    async totals() {
      checkAvailable();
      return { blobs: records.size, bytes };
    },
  };
  return { blobs, table: { get: (digest) => records.get(digest), put: putBlob, remove: removeBlob } };
}
