// A blob's bytes from the store. What is there may be damaged, or left by another cache and never hashed: no reader gets
// the end of a blob that has not been verified, and what is wrong is removed, to be fetched again.
import type { BlobRecord, CacheIndex } from '@cistern/cache-index';
import type { BlobReader, BlobStore } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { openWitnessedReader } from '../fill/witnessed-reader.ts';
import type { SourceReader } from '../read/byte-source.ts';
import type { PlaceReader } from '../read/lasting-reader.ts';
import { SourceInterrupted } from '../read/source-interrupted.ts';
import { findStoredBlob } from './stored-blob.ts';
import { verifyOnRead } from './verify-on-read.ts';

const readBytes = 1024 * 1024;

export interface OpenStoredDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
  readonly now: () => number;
}

export interface StoredRange {
  readonly digest: Digest;
  /** Bytes of the whole blob, as the reader was told. */
  readonly size: number;
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the reader is to get nothing for right that is not. */
  readonly verified: boolean;
  readonly signal: AbortSignal;
}

/** `undefined`: the store does not hold the blob, or does not any more; the index has forgotten it then. */
export async function openStored(deps: OpenStoredDeps, range: StoredRange): Promise<PlaceReader | undefined> {
  const { digest, size, from, toExclusive, verified, signal } = range;
  const found = await findStoredBlob(deps, digest);
  if (found === undefined) return undefined;
  const hashesOnTheWay = from === 0 && toExclusive === size;
  const record = found.verified || !verified || hashesOnTheWay ? found : await proveStored(deps, found, signal);
  if (record === undefined) return undefined;
  const reader = await openSized(deps, range, record);
  if (reader === undefined) {
    deps.log.warn({ digest }, 'a blob is gone from the store: it is fetched again');
    await forget(deps, record);
    return undefined;
  }
  const lasting = interruptible(reader);
  if (record.verified || !verified) return lasting;
  return openWitnessedReader(verifying(deps, lasting, { ...record, size }), range, size);
}

/** A store that fails midway: the rest may be had from a fill. */
function interruptible(reader: BlobReader): SourceReader {
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

/**
 * Hashes a blob that another cache left, for who does not read it from its beginning to its end. `undefined`: it is not
 * what its digest says, and is gone.
 */
export async function proveStored(
  deps: OpenStoredDeps,
  record: BlobRecord,
  signal: AbortSignal | undefined,
): Promise<BlobRecord | undefined> {
  const stored = await deps.store.open(record.digest);
  if (stored === undefined) return undefined;
  const reader = verifying(deps, stored, { ...record, size: stored.size });
  try {
    const buffer = Buffer.allocUnsafe(readBytes);
    while ((await reader.read(buffer)) > 0) signal?.throwIfAborted();
    return { ...record, size: stored.size, verified: true };
  } catch (error) {
    if (isCacheError(error, 'content-mismatch')) return undefined;
    throw error;
  } finally {
    await reader.close();
  }
}

async function openSized(
  { store, log }: OpenStoredDeps,
  { digest, size, from, toExclusive }: StoredRange,
  record: BlobRecord,
): Promise<BlobReader | undefined> {
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
  if (record.verified && record.size === storedSize)
    throw new CacheError('content-mismatch', `${digest} was said to have ${size} bytes and has ${storedSize}.`);
  log.error({ digest, size, storedSize }, 'the store holds a blob of another size: it is removed');
  await store.remove(digest);
  return undefined;
}

function verifying(deps: OpenStoredDeps, reader: SourceReader, record: BlobRecord): SourceReader {
  const { index, store, log } = deps;
  const { digest, size, storedAtMs } = record;
  let verified = false;
  const verifier = verifyOnRead({
    reader,
    digest,
    size,
    async onVerified() {
      verified = true;
      await index.blobs.markVerified(digest).catch((error: unknown) => {
        log.warn({ err: error, digest }, 'that a blob is verified could not be recorded');
      });
    },
    async onMismatch() {
      // Somebody else may have found it out, and the right bytes may be here since.
      if ((await index.blobs.get(digest, { fresh: true }))?.verified === true) return;
      log.error({ digest }, 'the store held other bytes under a digest: they are removed');
      await store.remove(digest);
      await forget(deps, record);
    },
  });
  return {
    ...verifier,
    async proof() {
      if (verified) return 'proven';
      // Read on by somebody else, if it has not been replaced: then only its witness tells.
      const now = await index.blobs.get(digest, { fresh: true });
      return now?.storedAtMs === storedAtMs && now.verified ? 'proven' : 'open';
    },
  };
}

/** Somebody may have brought it back by now: only what is known of the object that was not there, or was wrong. */
async function forget({ index }: OpenStoredDeps, { digest, storedAtMs }: BlobRecord): Promise<void> {
  if (await index.blobs.remove(digest, storedAtMs)) await index.manifests.remove(digest);
}
