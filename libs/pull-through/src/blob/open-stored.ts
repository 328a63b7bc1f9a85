// A blob's bytes from the store. What is there may be damaged, or left by another cache and never hashed: no reader gets
// the end of a blob that has not been verified, and what is wrong is removed, to be fetched again.
import type { BlobRecord, CacheIndex } from '@cistern/cache-index';
import type { BlobReader, BlobStore } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { SourceReader } from '../read/byte-source.ts';
import { findStoredBlob } from './stored-blob.ts';
import { verifyOnRead } from './verify-on-read.ts';

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
  readonly signal: AbortSignal;
}

/** `undefined`: the store does not hold the blob, or does not any more; the index has forgotten it then. */
export async function openStored(deps: OpenStoredDeps, range: StoredRange): Promise<SourceReader | undefined> {
  const { digest, size, from, toExclusive } = range;
  const record = await findStoredBlob(deps, digest);
  if (record === undefined) return undefined;
  const reader = await openSized(deps, range, record);
  if (reader === undefined) {
    deps.log.warn({ digest }, 'a blob is gone from the store: it is fetched again');
    await forget(deps, digest);
  }
  if (reader === undefined || record.verified || toExclusive < size) return reader;
  if (from === 0) return verifying(deps, reader, range);
  try {
    await verifyWhole(deps, range);
    return reader;
  } catch (error) {
    await reader.close();
    throw error;
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

function verifying(deps: OpenStoredDeps, reader: SourceReader, { digest, size }: StoredRange): SourceReader {
  const { index, store, log } = deps;
  return verifyOnRead({
    reader,
    digest,
    size,
    async onVerified() {
      await index.blobs.markVerified(digest).catch((error: unknown) => {
        log.warn({ err: error, digest }, 'that a blob is verified could not be recorded');
      });
    },
    async onMismatch() {
      // Somebody else may have found it out, and the right bytes may be here since.
      if ((await index.blobs.get(digest))?.verified === true) return;
      log.error({ digest }, 'the store held other bytes under a digest: they are removed');
      await store.remove(digest);
      await forget(deps, digest);
    },
  });
}

const readBytes = 1024 * 1024;

/** For a reader of the end who has not read the beginning. */
async function verifyWhole(deps: OpenStoredDeps, range: StoredRange): Promise<void> {
  const { digest, signal } = range;
  const stored = await deps.store.open(digest);
  if (stored === undefined)
    throw new CacheError('store-unavailable', `${digest} is gone from the store.`, { retryable: true });
  const reader = verifying(deps, stored, range);
  try {
    const buffer = Buffer.allocUnsafe(readBytes);
    while ((await reader.read(buffer)) > 0) signal.throwIfAborted();
  } finally {
    await reader.close();
  }
}

async function forget({ index }: OpenStoredDeps, digest: Digest): Promise<void> {
  await index.blobs.remove(digest);
  await index.manifests.remove(digest);
}
