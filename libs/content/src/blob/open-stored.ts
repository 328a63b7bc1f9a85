// Opens a blob in the store. The object may be damaged, or from another cache and never hashed. A small blob is hashed before its
// first byte. Whole reads of larger ones are checked if a check is due or the object was never hashed. A wrong object is set aside.
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
  /** Bytes of the whole blob, as the reader expects. */
  readonly size: number;
  readonly from: number;
  readonly toExclusive: number;
  /** Whether a blob that was never hashed is checked. */
  readonly verified: boolean;
  /** Whether a blob is checked that was verified when it was stored. */
  readonly checked: boolean;
  readonly signal: AbortSignal;
  /** Starts a fill for a blob that was set aside after a reader got bytes of it. */
  readonly refetch?: (() => Promise<void>) | undefined;
}

/**
 * Resolves to `undefined` if the store does not have the blob; the index has no record of it then. A checked read uses the blob's
 * table, segment by segment. Without a table the whole blob is hashed: during a whole read, else before the read.
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
  // A whole segment is checked, even if only its end is returned.
  const start = isChecked && table !== undefined ? from - (from % table.segmentBytes) : from;
  const reader = await openSized(deps, { ...range, from: start }, record);
  if (reader === undefined) return undefined;
  const own = { table: () => tableOf(deps, record) };
  const lasting = { ...interruptible(reader), ...own };
  if (!isChecked || isHashedBefore) return lasting;
  return checkingReader(deps, lasting, record, { ...range, start, table });
}

/** Reads hashed bytes from memory. A slow reader does not keep them in memory: evicted ones are hashed again. */
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

/** Returns the blob's table, and hashes the blob if it has none. Resolves to `undefined` if the blob is gone or wrong. */
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

/** Turns a failure of the store midway into `SourceInterrupted`, because a fill may provide the rest. */
function interruptible(reader: SourceReader): SourceReader {
  return {
    async read(into) {
      try {
        return await reader.read(into);
      } catch (error) {
        if (!isCacheError(error, 'store-unavailable')) throw error;
        throw new SourceInterrupted('the store failed midway', { cause: error });
      }
    },
    close: () => reader.close(),
    table: reader.table,
  };
}

async function openSized(
  deps: OpenStoredDeps,
  { digest, size, from, toExclusive }: StoredRange,
  record: BlobRecord,
): Promise<BlobReader | undefined> {
  const { store, log } = deps;
  // A truncated object may not even have the range.
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
        // This continues if the client leaves, because the next client needs it too.
        const { record: right, isSetAside } = await proveStored(deps, record);
        if (right !== undefined) log.warn({ digest }, wrongOnce);
        readChecks.noteWrong(digest);
        if (!isSetAside || !hasReturned) return;
        // The client will send its request again.
        void refetch?.().catch((error: unknown) => {
          log.warn({ err: error, digest }, 'failed to refetch damaged blob');
        });
      } catch (error) {
        if (!isCacheError(error, 'content-mismatch'))
          log.error({ err: error, digest }, 'failed to recheck or quarantine damaged blob');
        // A reader that got wrong bytes gets the mismatch from `checkOnRead` anyway.
        if (!hasReturned) throw error;
      }
    },
  });
}
