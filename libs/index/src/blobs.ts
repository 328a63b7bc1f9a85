// Blob records: the blobs in the store, and the time of their last pull. Manifests have a blob record too, and a
// manifest record in addition.
import type { CrcTable, Digest } from '@cistern/oci';

/** Options of a read. */
export interface ReadOptions {
  /** Bypasses this process's memory. The caller may know of a change before its announcement arrives. */
  readonly fresh?: boolean | undefined;
}

export interface BlobRecord {
  readonly schema: 1;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** `deleting` means that the object is being removed or is already gone. Readers fetch it again. */
  readonly state: 'present' | 'deleting';
  /** False for an adopted object that has not been hashed yet. Its first full read verifies it. */
  readonly verified: boolean;
  readonly storedAtMs: number;
  readonly lastPulledAtMs: number;
  /** Checks later reads of the blob. Only verified blobs have a table. It has at most 1,000 segments. */
  readonly table?: CrcTable | undefined;
}

export interface BlobTotals {
  readonly blobs: number;
  readonly bytes: number;
}

export interface BlobIndex {
  get(digest: Digest, options?: ReadOptions): Promise<BlobRecord | undefined>;
  /**
   * Returns the result of `get` if this process has it in memory. `undefined` means that the caller must use `get`.
   * Makes no call and never throws.
   */
  fromMemory(digest: Digest): BlobRecord | undefined;
  /** Adds or replaces the record, but never moves `lastPulledAtMs` back. */
  put(record: BlobRecord): Promise<void>;
  /** Adds the record if there is none. Otherwise returns false and leaves the existing record unchanged. */
  adopt(record: BlobRecord): Promise<boolean>;
  /** Sets `verified`, and the table if one is given. Does nothing without a record. */
  markVerified(digest: Digest, table?: CrcTable): Promise<void>;
  /**
   * Moves `lastPulledAtMs` forward; does nothing without a record. This index sees the change immediately. The write
   * may happen up to a second later, so a crash may lose the touches of its last second.
   */
  touch(digest: Digest, atMs: number): Promise<void>;
  /**
   * Iterates over all records, least recently pulled first, and reads a few at a time as the caller continues. It
   * may omit a record that is pulled, added or removed meanwhile, but never returns one out of order.
   */
  leastRecent(): AsyncIterable<BlobRecord>;
  /** Returns every record whose digest begins with `shard` (two hexadecimal digits), in no particular order. */
  ofShard(shard: string): Promise<BlobRecord[]>;
  /**
   * Removes the record. With `storedAtMs`, removes only the record of the object stored at that time, and not the
   * record of a newer object.
   */
  remove(digest: Digest, storedAtMs?: number): Promise<boolean>;
  /** Counts all records in every state: bytes count until they are deleted. */
  totals(): Promise<BlobTotals>;
}

/** The part of a manifest that answers a HEAD without reading the manifest. The bytes are in the store. */
export interface ManifestRecord {
  readonly schema: 1;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly storedAtMs: number;
}

export interface ManifestIndex {
  get(digest: Digest): Promise<ManifestRecord | undefined>;
  put(record: ManifestRecord): Promise<void>;
  remove(digest: Digest): Promise<boolean>;
}
