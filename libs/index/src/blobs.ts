// Blob records: what is in the store, and when it was last wanted. Manifests are blobs here too, with a record more.
import type { CrcTable, Digest } from '@cistern/oci';

/** How a record is read. */
export interface ReadOptions {
  /** Past what this process remembers: the caller may know of a change before its announcement comes. */
  readonly fresh?: boolean | undefined;
}

export interface BlobRecord {
  readonly schema: 1;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** `deleting`: its object is being removed, or may be gone already. Readers fetch it again. */
  readonly state: 'present' | 'deleting';
  /** False for an adopted object that nobody has hashed yet: its first full read verifies it. */
  readonly verified: boolean;
  readonly storedAtMs: number;
  readonly lastPulledAtMs: number;
  /** By which a read of it is checked; only of verified bytes. At most a thousand segments. */
  readonly table?: CrcTable | undefined;
}

export interface BlobTotals {
  readonly blobs: number;
  readonly bytes: number;
}

export interface BlobIndex {
  get(digest: Digest, options?: ReadOptions): Promise<BlobRecord | undefined>;
  /** What `get` would bring, if this process knows it without a call. `undefined`: `get` it. Throws nothing. */
  fromMemory(digest: Digest): BlobRecord | undefined;
  /** Adds or replaces, but never takes `lastPulledAtMs` back. */
  put(record: BlobRecord): Promise<void>;
  /** Adds where there is none; false if there is one, which stays as it is. */
  adopt(record: BlobRecord): Promise<boolean>;
  /** Sets `verified`, and the table if one is given; a no-op without a record. */
  markVerified(digest: Digest, table?: CrcTable): Promise<void>;
  /**
   * Moves `lastPulledAtMs` forward; a no-op without a record. Seen by this index at once; may be written up to a second later, so a
   * crash may lose the touches of its last second.
   */
  touch(digest: Digest, atMs: number): Promise<void>;
  /**
   * Every record, from the one that was pulled longest ago, read a few at a time while the caller asks for more. One that is
   * pulled, added or removed meanwhile may be left out, but is never out of place.
   */
  leastRecent(): AsyncIterable<BlobRecord>;
  /** Every record whose digest begins with `shard`, two hexadecimal digits; in no particular order. */
  ofShard(shard: string): Promise<BlobRecord[]>;
  /** With `storedAtMs`: only the record of the object that was stored then, not of one that has come in its place since. */
  remove(digest: Digest, storedAtMs?: number): Promise<boolean>;
  /** Of all records, whatever their state: bytes count until they are deleted. */
  totals(): Promise<BlobTotals>;
}

/** The part of a manifest that answers a HEAD without reading it. The bytes are in the store. */
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
