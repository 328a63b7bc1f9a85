// Blob records: each blob of the store, with the time of its last pull. A manifest is stored as a blob, so it has a
// blob record and also a manifest record.
import type { CrcTable, Digest } from '@cistern/oci';

/** Options of a read. */
export interface ReadOptions {
  /**
   * True bypasses the memory of this process. Used by callers that know of a change before its announcement arrives.
   */
  readonly fresh?: boolean | undefined;
}

export interface BlobRecord {
  readonly schema: 1;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** `deleting` means that the object is being removed, or no longer exists. Readers then fetch the blob again. */
  readonly state: 'present' | 'deleting';
  /** False for an adopted object that has not been hashed yet. Its first full read verifies it. */
  readonly verified: boolean;
  readonly storedAtMs: number;
  readonly lastPulledAtMs: number;
  /**
   * CRCs by which later reads of the blob are checked. Only verified blobs have a table. A table has at most 1,000
   * segments.
   */
  readonly table?: CrcTable | undefined;
}

/** The records of one of the 256 shards. A shard is the first byte of a digest. */
export interface BlobShard {
  /** Two hexadecimal digits. */
  readonly shard: string;
  /** In no particular order. */
  readonly records: readonly BlobRecord[];
}

/** The number of shards. */
export const shardCount = 256;

/** Returns the two hexadecimal digits of the shard at `position`, 0 to 255. */
export function shardAt(position: number): string {
  return position.toString(16).padStart(2, '0');
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
   * Moves `lastPulledAtMs` forward. Does nothing if there is no record. Reads through this object include the change
   * immediately. The write may happen up to a second later, so a crash may lose the touches of its last second.
   */
  touch(digest: Digest, atMs: number): Promise<void>;
  /**
   * Iterates over all records, least recently pulled first. It reads only a few records ahead of the caller. It may
   * omit a record that is pulled, added or removed meanwhile, but the order is always correct.
   */
  leastRecent(): AsyncIterable<BlobRecord>;
  /**
   * Iterates over the shards in order, beginning with the one at position `first`. Yields each shard when it is
   * requested, with its records as they are then. It may omit a record that is added after the iteration began, and others
   * if Redis fails over meanwhile. It searches the index once for each half a million records, instead of for each shard.
   */
  shards(first: number): AsyncIterable<BlobShard>;
  /**
   * Removes the record, and returns true if there was one. If `storedAtMs` is set, removes the record only if its
   * object was stored at that time. So the record of a newer object stays.
   */
  remove(digest: Digest, storedAtMs?: number): Promise<boolean>;
  /**
   * Returns the totals of all records. Includes state `deleting`, because the bytes count until the record is removed.
   */
  totals(): Promise<BlobTotals>;
}

/** The facts about a manifest that a response to HEAD needs, so that the manifest need not be read from the store. */
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
