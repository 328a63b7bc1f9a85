// Opens a blob in the store. The object may be damaged, or may be from another cache and never hashed. A small blob is hashed
// before its first byte is returned. A larger blob is checked during a read if a check is due or the blob was never hashed. A
// wrong object is set aside.
import type { BlobRecord } from '@cistern/index';
import type { BlobReader } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import type { CrcTable, Digest } from '@cistern/oci';
import { chunkBytes, makeCrcTable, SourceInterrupted, type SourceReader } from '@cistern/streams';
import { checkByDigest, checkByTable, checkOnRead } from './check-on-read.ts';
import { forgetMissing } from './delete-blobs.ts';
import { noteRight, proveStored, wrongOnce } from './hash-stored.ts';
import { setAside, type SetAsideOnceDeps } from './set-aside.ts';
import { findStoredBlob } from './stored-blob.ts';

export type OpenStoredDeps = SetAsideOnceDeps;

export interface StoredRange {
  readonly digest: Digest;
  /** The number of bytes of the whole blob, as the reader expects it. */
  readonly size: number;
  readonly from: number;
  readonly toExclusive: number;
  /** True if a blob that was never hashed is checked. */
  readonly verified: boolean;
  /** True if the blob is checked although it was verified when it was stored. */
  readonly checked: boolean;
  readonly signal: AbortSignal;
  /** Starts a fill. Called if the blob was set aside after the reader got bytes of it. */
  readonly refetch?: (() => Promise<void>) | undefined;
}

/**
 * Resolves to `undefined` if the store does not have the blob. Then the index has no record of it either. A checked read
 * compares each segment with the blob's checksum table. Without a table the whole blob is hashed: during the read if that is of
 * the whole blob, else before the read.
 */
export async function openStored(deps: OpenStoredDeps, range: StoredRange): Promise<SourceReader | undefined> {
  const { digest, size, from, toExclusive, verified, checked, signal } = range;
  const found = await findStoredBlob(deps, digest);
  if (found === undefined) return undefined;
  if (size <= chunkBytes) return openPiece(deps, range, found);
  const isWhole = from === 0 && toExclusive === size;
  const table = found.verified ? found.table : undefined;
  const isChecked = checked || (verified && !found.verified);
  const isHashedBefore = isChecked && !isWhole && table === undefined;
  const record = isHashedBefore ? (await proveStored(deps, found, signal)).record : found;
  if (record === undefined) return undefined;
  // A checked read begins at the start of a segment, because only whole segments can be checked.
  const start = isChecked && table !== undefined ? from - (from % table.segmentBytes) : from;
  const reader = await openSized(deps, { ...range, from: start }, record);
  if (reader === undefined) return undefined;
  const own = { table: () => tableOf(deps, record) };
  const lasting = { ...interruptible(reader), ...own };
  if (!isChecked || isHashedBefore) return lasting;
  return checkingReader(deps, lasting, record, { ...range, start, table });
}

/**
 * Opens a small blob, whose hashed bytes are in memory. A slow reader does not keep the bytes there. If they were evicted, the
 * blob is read and hashed again.
 */
async function openPiece(
  deps: OpenStoredDeps,
  { digest, size, from, toExclusive, signal }: StoredRange,
  found: BlobRecord,
): Promise<SourceReader | undefined> {
  const load = async () => {
    const kept = deps.readChecks.pieces.get(digest)?.bytes;
    if (kept !== undefined) return kept;
    const { record, bytes } = await proveStored(deps, found, signal);
    if (record !== undefined && record.size !== size) throw otherSize(digest, size, record.size);
    return bytes;
  };
  if ((await load()) === undefined) return undefined;
  let position = from;
  return interruptible({
    async read(into) {
      const bytes = await load();
      if (bytes === undefined) throw new SourceInterrupted('the blob is no longer in the store');
      const length = bytes.copy(into, 0, position, toExclusive);
      position += length;
      return length;
    },
    close: async () => {},
    table: () => tableOf(deps, found),
  });
}

/**
 * Resolves to the blob's checksum table. If there is none, the blob is hashed. Resolves to `undefined` if the blob is gone or
 * wrong.
 */
async function tableOf(deps: OpenStoredDeps, { digest, ...opened }: BlobRecord): Promise<CrcTable | undefined> {
  if (opened.verified && opened.table !== undefined) return opened.table;
  const known = await deps.index.blobs.get(digest, { fresh: true });
  if (known?.verified === true && known.table !== undefined) return known.table;
  const { record, bytes } = await proveStored(deps, known ?? { digest, ...opened });
  if (bytes === undefined) return record?.table;
  const maker = makeCrcTable(bytes.length, deps.leastSegmentBytes);
  maker.update(bytes);
  return maker.table();
}

function otherSize(digest: Digest, size: number, storedSize: number | undefined): CacheError {
  return new CacheError(
    'content-mismatch',
    `${digest} should have ${size} bytes, but the stored blob has ${storedSize}.`,
  );
}

/**
 * Wraps a reader so that it rejects with `SourceInterrupted` if the store fails during the read, because a fill may provide the
 * rest.
 */
function interruptible(reader: SourceReader): SourceReader {
  return {
    read: (into) => reader.read(into).catch(interrupt),
    close: () => reader.close(),
    table: reader.table,
  };
}

function interrupt(error: unknown): never {
  if (!isCacheError(error, 'store-unavailable')) throw error;
  throw new SourceInterrupted('the store failed midway', { cause: error });
}

async function openSized(
  deps: OpenStoredDeps,
  { digest, size, from, toExclusive }: StoredRange,
  record: BlobRecord,
): Promise<BlobReader | undefined> {
  const { store, log } = deps;
  // The range may be beyond the end of a truncated object.
  const reader = await store.open(digest, { start: from, end: toExclusive - 1 }).catch((error: unknown) => {
    if (isCacheError(error, 'range-unsatisfiable')) return 'too short' as const;
    throw error;
  });
  if (reader === undefined) {
    log.warn({ digest }, 'blob missing in store, fetching again');
    await forgetMissing(deps, digest);
    return undefined;
  }
  if (reader !== 'too short') {
    if (reader.size === size) return reader;
    await reader.close();
  }
  const storedSize = reader === 'too short' ? (await store.stat(digest))?.size : reader.size;
  if (record.verified && record.size === storedSize) throw otherSize(digest, size, storedSize);
  log.warn({ digest, size, storedSize }, 'stored blob size mismatch');
  await setAside(deps, digest, record);
  return undefined;
}

interface CheckedRange extends StoredRange {
  /** The offset at which the reader begins. */
  readonly start: number;
  readonly table: CrcTable | undefined;
}

function checkingReader(
  deps: OpenStoredDeps,
  reader: SourceReader,
  record: BlobRecord,
  { digest, size, start, from, toExclusive, table, refetch }: CheckedRange,
): SourceReader {
  const { log, readChecks, leastSegmentBytes } = deps;
  const check = table === undefined ? checkByDigest(digest, size, leastSegmentBytes) : checkByTable(table, size, start);
  return checkOnRead({
    reader,
    check,
    digest,
    start,
    from,
    toExclusive,
    async onRight() {
      if (start === 0 && toExclusive === size) await noteRight(deps, record, check.table());
    },
    async onWrong(hasReturned) {
      try {
        // Hashes the whole blob, without the signal of the client. So the hashing continues if the client leaves, because the
        // next client needs the result.
        const { record: right, isSetAside } = await proveStored(deps, record);
        if (right !== undefined) log.warn({ digest }, wrongOnce);
        readChecks.noteWrong(digest);
        if (!isSetAside || !hasReturned) return;
        // Fetch the blob now, because the client will send its request again.
        void refetch?.().catch((error: unknown) => {
          log.warn({ err: error, digest }, 'failed to refetch damaged blob');
        });
      } catch (error) {
        if (!isCacheError(error, 'content-mismatch'))
          log.error({ err: error, digest }, 'failed to recheck or quarantine damaged blob');
        // If the reader has already got wrong bytes, `checkOnRead` rejects with the mismatch anyway.
        if (!hasReturned) throw error;
      }
    },
  });
}
