// A blob as bytes from an offset, wherever they are now: in the store, or in a fill. A blob that is gone from the store
// heals by being fetched again, also for a reader that is already half through.
import type { FillRecord, RepositoryKey } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { FillTable } from '../fill/fill-table.ts';
import type { FollowFill } from '../fill/follow-fill.ts';
import type { ByteSource } from '../read/byte-source.ts';
import { type OpenStoredDeps, openStored } from './open-stored.ts';

export interface BlobSourceDeps extends OpenStoredDeps {
  readonly fills: FillTable;
  readonly follow: FollowFill;
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

export interface BlobSource extends ByteSource {
  /** Where the first reader's bytes come from; `undefined` until one has been opened. */
  readonly origin: 'stored' | 'joined' | 'fetched' | undefined;
}

const maxTries = 4;

export function createBlobSource(
  deps: BlobSourceDeps,
  { digest, size, source, stored, verified }: BlobSourceOptions,
): BlobSource {
  let inStore = stored;
  let origin: BlobSource['origin'];

  const follow = async (from: number, toExclusive: number, past: FillRecord | undefined, signal: AbortSignal) => {
    const { record, joined } = await deps.follow({ digest, source, from, toExclusive, past, signal });
    if (record.size !== size)
      throw new CacheError('content-mismatch', `${digest} had ${size} bytes before and has ${record.size} now.`);
    return { record, joined, reader: deps.fills.open(record.fillId, { from, toExclusive, verified }) };
  };

  return {
    size,
    get origin() {
      return origin;
    },
    async open(from, toExclusive, signal) {
      let past: FillRecord | undefined;
      for (let tries = 0; tries < maxTries; tries += 1) {
        if (inStore) {
          const reader = await openStored(deps, { digest, size, from, toExclusive, verified, signal });
          if (reader !== undefined) {
            origin ??= 'stored';
            return reader;
          }
        }
        const { record, joined, reader } = await follow(from, toExclusive, past, signal);
        inStore = reader === undefined;
        if (reader !== undefined) {
          origin ??= joined ? 'joined' : 'fetched';
          return reader;
        }
        // The fill has ended since: its bytes are in the store, or another one has to bring them.
        past = record;
      }
      throw new CacheError('store-unavailable', `${digest} is neither in the store nor to be fetched.`, {
        retryable: true,
      });
    },
  };
}
