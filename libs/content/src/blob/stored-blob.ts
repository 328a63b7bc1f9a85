// Finds the record of a stored blob. If the store has the blob but the index has no record, the blob is adopted. An adopted
// blob is unverified until it has been read whole and hashed.
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
  // A fill or another reader has recorded the blob first, so that record counts.
  return unlessDeleting((await index.blobs.get(digest, { fresh: true })) ?? record);
}

/**
 * Returns `undefined` for a blob that is being deleted, because such a blob counts as missing. The fetch of the blob waits
 * until the deletion has ended.
 */
function unlessDeleting(record: BlobRecord): BlobRecord | undefined {
  return record.state === 'deleting' ? undefined : record;
}

/**
 * Records a blob that was found in the store. Resolves to false if the index already has a record, or if the blob was removed
 * meanwhile.
 */
export async function adoptBlob({ index, store }: IndexAndStore, record: BlobRecord): Promise<boolean> {
  if (!(await index.blobs.adopt(record))) return false;
  if ((await store.stat(record.digest)) !== undefined) return true;
  await index.blobs.remove(record.digest, record.storedAtMs);
  return false;
}

/**
 * Returns the record of a blob that has just been hashed and stored. `table` is its checksum table. If `table` is unset, the
 * first checked read computes it.
 */
export function verifiedRecord(digest: Digest, size: number, nowMs: number, table?: CrcTable): BlobRecord {
  const known = { digest, size, verified: true, storedAtMs: nowMs, lastPulledAtMs: nowMs };
  const isKept = table !== undefined && size > chunkBytes;
  return { schema: 1, state: 'present', ...known, ...(isKept && { table: foldCrcTable(table, size) }) };
}

/**
 * Returns the record of a stored blob of unknown origin. The record is unverified. It has the current time as the last pull,
 * because earlier pulls are unknown.
 */
export function adoptedRecord({ digest, size, modifiedAtMs }: StoredBlob, nowMs: number): BlobRecord {
  return { ...verifiedRecord(digest, size, nowMs), verified: false, storedAtMs: modifiedAtMs };
}

/**
 * Throws `content-mismatch` if the size is zero, unless the digest is that of zero bytes. Other caches leave such files
 * (distribution#2367). The check is necessary, because a body of zero bytes has no end to withhold.
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
