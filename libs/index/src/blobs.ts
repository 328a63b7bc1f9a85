// Blob records: what is in the store, and when it was last wanted. Manifests are blobs here too.
import type { Digest } from '@cistern/oci';
import type { ReadOptions } from './read-options.ts';

export interface BlobRecord {
  readonly schema: 1;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly state: 'present' | 'evicting' | 'deleting';
  /** False for an adopted object that nobody has hashed yet: its first full read verifies it. */
  readonly verified: boolean;
  readonly storedAtMs: number;
  readonly lastPulledAtMs: number;
}

export interface BlobTotals {
  readonly blobs: number;
  readonly bytes: number;
}

export interface BlobIndex {
  get(digest: Digest, options?: ReadOptions): Promise<BlobRecord | undefined>;
  /** What `get` would bring, if this process knows it without asking anybody. `undefined`: `get` it. Throws nothing. */
  fromMemory(digest: Digest): BlobRecord | undefined;
  /** Adds or replaces, but never takes `lastPulledAtMs` back. */
  put(record: BlobRecord): Promise<void>;
  /** Adds where there is none; false if there is one, which stays as it is. */
  adopt(record: BlobRecord): Promise<boolean>;
  /** Sets `verified`; a no-op without a record. */
  markVerified(digest: Digest): Promise<void>;
  /**
   * Moves `lastPulledAtMs` forward and turns `evicting` back into `present`; a no-op without a record. Seen by this index
   * at once; may be written up to a second later, so a crash may lose the touches of its last second.
   */
  touch(digest: Digest, atMs: number): Promise<void>;
  /**
   * Turns `present` into `evicting` if nobody has pulled the blob since `lastPulledAtMs`; false if somebody has, or without a
   * record. One that is `evicting` or `deleting` already stays so, which is true.
   */
  markEvicting(digest: Digest, lastPulledAtMs: number): Promise<boolean>;
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
