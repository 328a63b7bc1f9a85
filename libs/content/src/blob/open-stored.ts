// A blob's bytes from the store. What is there may be damaged, or left by another cache and never hashed. What is read in one
// piece is always hashed; of the rest what nobody has hashed yet, and what a client reads again. What is wrong is set aside.
import type { BlobRecord } from '@cistern/index';
import type { BlobReader } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { chunkBytes, type SourceReader, SourceInterrupted } from '@cistern/streams';
import { noteRight, proveStored, wrongOnce } from './hash-stored.ts';
import { setAside, type SetAsideOnceDeps } from './set-aside.ts';
import { findStoredBlob } from './stored-blob.ts';
import { verifyOnRead } from './verify-on-read.ts';

export type OpenStoredDeps = SetAsideOnceDeps;

export interface StoredRange {
  readonly digest: Digest;
  /** Bytes of the whole blob, as the reader was told. */
  readonly size: number;
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the reader is to get nothing for right that is not. */
  readonly verified: boolean;
  /** Whether it is hashed although it was right when it was stored. */
  readonly checked: boolean;
  readonly signal: AbortSignal;
  /** Begins a fill for a blob that is set aside after a reader has got bytes of it. */
  readonly refetch?: (() => Promise<void>) | undefined;
}

/**
 * `undefined`: the store does not hold the blob, or does not any more; the index has forgotten it then. A blob that is read whole
 * is hashed on the way, any other range of it before.
 */
export async function openStored(deps: OpenStoredDeps, range: StoredRange): Promise<SourceReader | undefined> {
  const { digest, size, from, toExclusive, verified, checked, signal } = range;
  const found = await findStoredBlob(deps, digest);
  if (found === undefined) return undefined;
  const isOnePiece = size <= chunkBytes;
  const isTrusted = found.verified && !isOnePiece && (!checked || deps.readChecks.isRight(found));
  const isHashed = !isTrusted && (verified || isOnePiece);
  const isWhole = from === 0 && toExclusive === size;
  // After a wrong reading the right one is in memory. Other whole reads look at the object, so that damage is found.
  const isDoubted = isOnePiece && isWhole && deps.readChecks.takeDoubt(digest);
  if (isOnePiece && (!isWhole || isDoubted)) return openPiece(deps, range, found);
  const record = isHashed && !isWhole ? (await proveStored(deps, found, signal)).record : found;
  if (record === undefined) return undefined;
  const reader = await openSized(deps, range, record);
  if (reader === undefined) {
    deps.log.warn({ digest }, 'a blob is gone from the store: it is fetched again');
    await forget(deps, record);
    return undefined;
  }
  const lasting = interruptible(reader);
  if (!isHashed || !isWhole) return lasting;
  return verifying(deps, lasting, record, range);
}

/** Of hashed bytes in memory. A slow reader does not keep them there: what is forgotten meanwhile is hashed again. */
async function openPiece(
  deps: OpenStoredDeps,
  { digest, size, from, toExclusive, signal }: StoredRange,
  found: BlobRecord,
): Promise<SourceReader | undefined> {
  const load = async () => deps.readChecks.pieces.get(digest)?.bytes ?? (await proveStored(deps, found, signal)).bytes;
  const bytes = await load();
  if (bytes === undefined) return undefined;
  if (bytes.length !== size) throw otherSize(digest, size, bytes.length);
  let position = from;
  return interruptible({
    async read(into) {
      const loaded = await load();
      if (loaded === undefined) throw new SourceInterrupted('the blob is gone from the store');
      const length = loaded.copy(into, 0, position, toExclusive);
      position += length;
      return length;
    },
    close: async () => {},
  });
}

function otherSize(digest: Digest, size: number, storedSize: number | undefined): CacheError {
  return new CacheError('content-mismatch', `${digest} was said to have ${size} bytes and has ${storedSize}.`);
}

/** A store that fails midway: the rest may be had from a fill. */
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
  };
}

async function openSized(
  deps: OpenStoredDeps,
  { digest, size, from, toExclusive }: StoredRange,
  record: BlobRecord,
): Promise<BlobReader | undefined> {
  const { store, log } = deps;
  // Cut short, it does not even have the range.
  const reader = await store.open(digest, { start: from, end: toExclusive - 1 }).catch((error: unknown) => {
    if (isCacheError(error, 'range-unsatisfiable')) return 'too short' as const;
    throw error;
  });
  if (reader === undefined) return undefined;
  if (reader !== 'too short') {
    if (reader.size === size) return reader;
    await reader.close();
  }
  const storedSize = reader === 'too short' ? (await store.stat(digest))?.size : reader.size;
  if (record.verified && record.size === storedSize) throw otherSize(digest, size, storedSize);
  log.warn({ digest, size, storedSize }, 'stored blob has another size');
  await setAside(deps, digest, record);
  return undefined;
}

function verifying(
  deps: OpenStoredDeps,
  reader: SourceReader,
  record: BlobRecord,
  { digest, size, refetch }: StoredRange,
): SourceReader {
  const { index, log, readChecks } = deps;
  const { storedAtMs } = record;
  let verified = false;
  const verifier = verifyOnRead({
    reader,
    digest,
    size,
    async onVerified() {
      verified = true;
      await noteRight(deps, record);
    },
    async onMismatch(hasGiven) {
      try {
        // It goes on without the client: the next one needs it, too.
        const { record: right, isSetAside } = await proveStored(deps, record);
        if (right !== undefined) {
          log.warn({ digest }, wrongOnce);
          readChecks.doubt(record);
        }
        if (!isSetAside || !hasGiven) return;
        // The client asks again.
        void refetch?.().catch((error: unknown) => {
          log.warn({ err: error, digest }, 'failed to fetch a damaged blob again');
        });
      } catch (error) {
        if (!isCacheError(error, 'content-mismatch'))
          log.error({ err: error, digest }, 'failed to set a damaged blob aside');
        // Halfway the reader hears of the mismatch all the same.
        if (!hasGiven) throw error;
      }
    },
  });
  return {
    ...verifier,
  };
}

/** Somebody may have brought it back by now: only what is known of the object that was not there, or was wrong. */
async function forget({ index }: OpenStoredDeps, { digest, storedAtMs }: BlobRecord): Promise<void> {
  if (await index.blobs.remove(digest, storedAtMs)) await index.manifests.remove(digest);
}
