// A blob as bytes from an offset, wherever they are now: in the store, or in a fill. A blob that is gone from the store
// heals by being fetched again, also for a reader that is already half through.
import type { BlobReader, BlobStore } from '@cistern/blob-store';
import type { CacheIndex, RepositoryKey } from '@cistern/cache-index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import type { ByteRange, Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { FillTable } from '../fill/fill-table.ts';
import { type Followed, followFill } from '../fill/follow-fill.ts';
import type { ByteSource, SourceReader } from '../read/byte-source.ts';
import { verifyOnRead } from './verify-on-read.ts';

export interface BlobSourceDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly queue: JobQueue;
  readonly fills: FillTable;
  readonly log: Logger;
  readonly now: () => number;
}

export interface BlobSourceOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly source: RepositoryKey;
  /** Whether the store has it; otherwise a fill is followed. */
  readonly stored: boolean;
  /** Whether a reader gets the blob's end only once the whole is verified; a small range is not worth the wait. */
  readonly verified: boolean;
}

const maxTries = 4;

export function createBlobSource(
  deps: BlobSourceDeps,
  { digest, size, source, stored, verified }: BlobSourceOptions,
): ByteSource {
  let inStore = stored;

  const openFill = (followed: Followed, from: number, toExclusive: number): SourceReader | undefined => {
    if (followed.record.size !== undefined && followed.record.size !== size)
      throw new CacheError(
        'content-mismatch',
        `${digest} had ${size} bytes before and has ${followed.record.size} now.`,
      );
    return deps.fills.open(followed.record.fillId, { from, toExclusive, verified });
  };

  return {
    size,
    async open(from, toExclusive) {
      for (let tries = 0; tries < maxTries; tries += 1) {
        if (inStore) {
          const reader = await openStored(deps, digest, size, from, toExclusive);
          if (reader !== undefined) return reader;
          await forget(deps, digest);
          deps.log.warn({ digest }, 'a blob is gone from the store: it is fetched again');
        }
        const followed = await followFill(deps, { digest, source, from, toExclusive });
        const reader = openFill(followed, from, toExclusive);
        if (reader !== undefined) return reader;
        // The fill has ended since: its bytes are in the store, or the next try finds out why not.
        inStore = true;
      }
      throw new CacheError('store-unavailable', `${digest} is neither in the store nor to be fetched.`, {
        retryable: true,
      });
    },
  };
}

async function openStored(
  deps: BlobSourceDeps,
  digest: Digest,
  size: number,
  from: number,
  toExclusive: number,
): Promise<SourceReader | undefined> {
  const { index, store, log } = deps;
  const reader = await openWithin(store, digest, { start: from, end: toExclusive - 1 });
  if (reader === undefined) return undefined;
  if (reader === 'shorter' || reader.size !== size) {
    if (reader !== 'shorter') await reader.close();
    log.error({ digest, size }, 'the store holds a blob of another size: it is removed');
    await store.remove(digest);
    return undefined;
  }
  const record = from === 0 && toExclusive === size ? await index.blobs.get(digest) : undefined;
  if (record === undefined || record.verified) return reader;
  return verifyOnRead({
    reader,
    digest,
    size,
    onVerified: () => index.blobs.markVerified(digest),
    async onMismatch() {
      log.error({ digest }, 'the store held other bytes under a digest: they are removed');
      await store.remove(digest);
      await forget(deps, digest);
    },
  });
}

/** The range lies inside the blob that the client was told of; one that has been cut short since does not hold it. */
async function openWithin(
  store: BlobStore,
  digest: Digest,
  range: ByteRange,
): Promise<BlobReader | 'shorter' | undefined> {
  try {
    return await store.open(digest, range);
  } catch (error) {
    if (isCacheError(error, 'range-unsatisfiable')) return 'shorter';
    throw error;
  }
}

async function forget({ index }: BlobSourceDeps, digest: Digest): Promise<void> {
  await index.blobs.remove(digest);
  await index.manifests.remove(digest);
}
