// Blob records as synchronous steps: what the fill table needs to write a fill and its blob together.
import type { Digest } from '@cistern/oci';
import type { BlobRecord } from '../blobs.ts';

export interface BlobTable {
  get(digest: Digest): BlobRecord | undefined;
  /** As `BlobIndex.put`. */
  put(record: BlobRecord): void;
  remove(digest: Digest): boolean;
  /** `listener` is called, instead of the one before, when a record has been put or removed, by whomever. */
  onReplaced(listener: (digest: Digest) => void): void;
}
