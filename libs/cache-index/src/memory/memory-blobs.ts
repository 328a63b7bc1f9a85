// Blob records in a map, with running totals.
import type { Digest } from '@cistern/oci';
import type { BlobIndex, BlobRecord } from '../blobs.ts';

export interface MemoryBlobs {
  readonly blobs: BlobIndex;
  /** `blobs.put` as one synchronous step, for the fill table. */
  readonly putBlob: (record: BlobRecord) => void;
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

  const blobs: BlobIndex = {
    async get(digest) {
      checkAvailable();
      return records.get(digest);
    },
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
    async remove(digest) {
      checkAvailable();
      bytes -= records.get(digest)?.size ?? 0;
      return records.delete(digest);
    },
    async totals() {
      checkAvailable();
      return { blobs: records.size, bytes };
    },
  };
  return { blobs, putBlob };
}
