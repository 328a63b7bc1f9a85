// What is known of a blob in the store. The index answers; where it knows nothing the store is asked, and what it holds
// is adopted: unverified until somebody has read it whole.
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
  // A fill, or another reader, was first and knows more.
  return unlessDeleting((await index.blobs.get(digest, { fresh: true })) ?? record);
}

/** Whoever wants what goes at this moment fetches it, and waits with that until it is gone. */
function unlessDeleting(record: BlobRecord): BlobRecord | undefined {
  return record.state === 'deleting' ? undefined : record;
}

/** Records what was seen in the store, where there is no record: false if there is one, or the blob went meanwhile. */
export async function adoptBlob({ index, store }: IndexAndStore, record: BlobRecord): Promise<boolean> {
  if (!(await index.blobs.adopt(record))) return false;
  if ((await store.stat(record.digest)) !== undefined) return true;
  await index.blobs.remove(record.digest, record.storedAtMs);
  return false;
}

/**
 * The record of a blob that has been stored now, and hashed on its way. `table`: of its bytes, where it was made meanwhile; else the
 * first read that is checked makes it.
 */
export function verifiedRecord(digest: Digest, size: number, nowMs: number, table?: CrcTable): BlobRecord {
  const known = { digest, size, verified: true, storedAtMs: nowMs, lastPulledAtMs: nowMs };
  const isKept = table !== undefined && size > chunkBytes;
  return { schema: 1, state: 'present', ...known, ...(isKept && { table: foldCrcTable(table, size) }) };
}

/** Of a blob that is there, nobody here knows whose bytes it is. What it was wanted for before is forgotten. */
export function adoptedRecord({ digest, size, modifiedAtMs }: StoredBlob, nowMs: number): BlobRecord {
  return { ...verifiedRecord(digest, size, nowMs), verified: false, storedAtMs: modifiedAtMs };
}

/**
 * A size of zero under any digest but that of nothing: other caches leave such files (distribution#2367), and a body of
 * zero bytes has no end to withhold. Throws `content-mismatch`.
 */
export function assertNotEmptied(digest: Digest, size: number): void {
  if (isEmptied(digest, size))
    throw new CacheError('content-mismatch', `${digest} is said to have no bytes, which its digest denies.`, {
      retryable: true,
    });
}

export function isEmptied(digest: Digest, size: number): boolean {
  return size === 0 && digestOf(Buffer.alloc(0), digestAlgorithm(digest)) !== digest;
}
