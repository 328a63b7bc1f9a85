// Finds the record of a stored blob. If the index has none but the store has the blob, the blob is adopted. It is unverified until
// a reader has read it whole.
import type { BlobStore, StoredBlob } from '@cistern/blob-store';
import type { BlobRecord, CacheIndex } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import { type CrcTable, type Digest, digestAlgorithm, digestOf } from '@cistern/oci';
import { chunkBytes, foldCrcTable } from '@cistern/streams';

/** The index and the store of one cache. */
export interface IndexAndStore {
  readonly index: CacheIndex;
  readonly store: BlobStore;
}

export interface StoredBlobDeps extends IndexAndStore {
  readonly now: () => number;
}

export async function findStoredBlob(
  { index, store, now }: StoredBlobDeps,
  digest: Digest,
): Promise<BlobRecord | undefined> {
  const known = await index.blobs.get(digest);
  if (known !== undefined) return unlessDeleting(known);
  const stat = await store.stat(digest);
  if (stat === undefined) return undefined;
  if (isEmptied(digest, stat.size)) {
    await store.remove(digest);
    return undefined;
  }
  const nowMs = now();
  const record = adoptedRecord({ digest, size: stat.size, modifiedAtMs: nowMs }, nowMs);
  if (await adoptBlob({ index, store }, record)) return record;
  // A fill or another reader wrote a record first, and its record is better.
  return unlessDeleting((await index.blobs.get(digest, { fresh: true })) ?? record);
}

/** A blob that is being deleted counts as missing. The fetch waits until the deletion ends. */
function unlessDeleting(record: BlobRecord): BlobRecord | undefined {
  return record.state === 'deleting' ? undefined : record;
}

/** Records a blob that was found in the store. Returns false if there is a record, or the blob was removed meanwhile. */
export async function adoptBlob({ index, store }: IndexAndStore, record: BlobRecord): Promise<boolean> {
  if (!(await index.blobs.adopt(record))) return false;
  if ((await store.stat(record.digest)) !== undefined) return true;
  await index.blobs.remove(record.digest, record.storedAtMs);
  return false;
}

/**
 * Returns the record of a blob that was hashed and stored now. `table` is its checksum table. If it is unset, the first checked
 * read computes it.
 */
export function verifiedRecord(digest: Digest, size: number, nowMs: number, table?: CrcTable): BlobRecord {
  const known = { digest, size, verified: true, storedAtMs: nowMs, lastPulledAtMs: nowMs };
  const isKept = table !== undefined && size > chunkBytes;
  return { schema: 1, state: 'present', ...known, ...(isKept && { table: foldCrcTable(table, size) }) };
}

/** Returns the record of a stored blob of unknown origin. It is unverified, and earlier pulls are unknown. */
export function adoptedRecord({ digest, size, modifiedAtMs }: StoredBlob, nowMs: number): BlobRecord {
  return { ...verifiedRecord(digest, size, nowMs), verified: false, storedAtMs: modifiedAtMs };
}

/**
 * Throws `content-mismatch` for a size of zero, unless the digest is that of no bytes. Other caches leave such files
 * (distribution#2367), and a body of zero bytes has no end to withhold.
 */
export function assertNotEmptied(digest: Digest, size: number): void {
  if (isEmptied(digest, size))
    throw new CacheError(
      'content-mismatch',
      `${digest} has no bytes, which does not match its digest. Pull it again.`,
      {
        retryable: true,
      },
    );
}

export function isEmptied(digest: Digest, size: number): boolean {
  return size === 0 && digestOf(Buffer.alloc(0), digestAlgorithm(digest)) !== digest;
}
