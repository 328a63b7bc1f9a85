// A blob as bytes from an offset, wherever they are now: in the store, or in a fill. A reader that is half through when a
// blob is gone from the store, the store fails, or a fill's worker dies, goes on where it was from what there is then.
import type { FillRecord, RepositoryKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { type OpenStoredDeps, openStored } from '@cistern/content';
import type { ReadMarks } from './read-marks.ts';
import type { FillAccess, FollowFill, FollowedFill } from '@cistern/fills';
import { type ByteSource, type PlaceReader, openFailoverReader, SourceInterrupted } from '@cistern/streams';
import { verifyDelivered } from './verify-delivered.ts';

export interface BlobSourceDeps extends OpenStoredDeps {
  readonly fillAccess: FillAccess;
  readonly follow: FollowFill;
  readonly readMarks: ReadMarks;
}

export interface BlobSourceOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly source: RepositoryKey;
  /** Whether the store has it; otherwise a fill is followed. */
  readonly stored: boolean;
  /** The fill that is known to run. */
  readonly following: FollowedFill | undefined;
  /** Whether a reader gets the blob's end only once the whole is verified; a small range is not worth the wait. */
  readonly verified: boolean;
  /** Whether stored bytes are hashed again although they were right when they were stored. */
  readonly checked: boolean;
}

export interface BlobSource extends ByteSource {
  /** Where the first reader's bytes come from; `undefined` until one has been opened. */
  readonly origin: 'stored' | 'joined' | 'fetched' | undefined;
}

const maxTries = 4;
/** A fill that has interrupted its reader this often without giving a byte is of no use to it. */
const maxInterruptions = 3;

export function createBlobSource(
  deps: BlobSourceDeps,
  { digest, size, source, stored, following, verified, checked }: BlobSourceOptions,
): BlobSource {
  let inStore = stored;
  let first: { readonly from: number; readonly origin: BlobSource['origin'] } | undefined;
  let storeFailure: unknown;
  let followed = following;

  /** Where the first reader got nothing it goes on elsewhere. */
  const noteOrigin = (from: number, origin: BlobSource['origin']) => {
    if (first === undefined || first.from === from) first = { from, origin };
  };

  /** Rejects as `follow` does. A fill that has ended brought what is damaged now. */
  const refetch = async () => {
    const record = await deps.index.fills.read(digest);
    await deps.follow({ digest, source, from: 0, past: record?.state === 'done' ? record : undefined });
  };

  const openInStore = async (from: number, toExclusive: number, signal: AbortSignal) => {
    try {
      return await openStored(deps, { digest, size, from, toExclusive, verified, checked, signal, refetch });
    } catch (error) {
      if (!isCacheError(error, 'store-unavailable')) throw error;
      storeFailure = error;
      deps.log.warn({ err: error, digest }, 'the store cannot give a blob: it is fetched again');
      return undefined;
    }
  };

  /** The fill that ran a moment ago needs no look into the index; if it has ended, it says so. */
  const followTo = async (from: number, toExclusive: number, past: FillRecord | undefined, signal: AbortSignal) => {
    if (followed !== undefined && followed.record !== past && followed.record.state === 'running') return followed;
    const { record, joined } = await deps.follow({ digest, source, from, toExclusive, past, signal });
    if (record.size !== size)
      throw new CacheError('content-mismatch', `${digest} had ${size} bytes before and has ${record.size} now.`);
    followed = { record, joined };
    return followed;
  };

  const openAt = async (from: number, toExclusive: number, interruptions: number, signal: AbortSignal) => {
    let past = interruptions >= maxInterruptions ? followed?.record : undefined;
    storeFailure = undefined;
    // Where it was interrupted somebody else may have gone on.
    if (interruptions > 0) followed = undefined;
    for (let tries = 0; tries < maxTries; tries += 1) {
      const reader = inStore ? await openInStore(from, toExclusive, signal) : undefined;
      if (reader !== undefined) {
        noteOrigin(from, 'stored');
        return reader;
      }
      const { record, joined } = await followTo(from, toExclusive, past, signal);
      // Its bytes are where nobody gets them now.
      if (record.state === 'done' && storeFailure !== undefined) throw storeFailure;
      const opened =
        record.state === 'done' ? undefined : await openFill(record, { from, toExclusive, verified }, signal);
      inStore = opened === undefined;
      if (opened !== undefined && opened !== 'unreachable') {
        noteOrigin(from, joined ? 'joined' : 'fetched');
        return opened;
      }
      // The fill has ended since, or its worker is gone: its bytes are in the store, or another one has to bring them.
      past = record;
    }
    throw new CacheError('store-unavailable', `${digest} is neither in the store nor to be fetched.`, {
      retryable: true,
    });
  };

  const openFill = async (
    record: Parameters<FillAccess['open']>[0],
    range: Parameters<FillAccess['open']>[1],
    signal: AbortSignal,
  ): Promise<PlaceReader | 'unreachable' | undefined> => {
    try {
      return await deps.fillAccess.open(record, range, signal);
    } catch (error) {
      if (!(error instanceof SourceInterrupted)) throw error;
      deps.log.warn({ err: error, digest, address: record.address }, 'a fill is asked of another worker');
      return 'unreachable';
    }
  };

  return {
    size,
    get origin() {
      return first?.origin;
    },
    async open(from, toExclusive, signal) {
      const leave = deps.readMarks.hold(digest);
      try {
        const reader = await openFailoverReader({
          from,
          openAt: (position, interruptions, ending) => openAt(position, toExclusive, interruptions, ending),
          prove: (delivered) => verifyDelivered(deps, { digest, size }, delivered),
          signal,
        });
        return {
          ...reader,
          close() {
            leave();
            return reader.close();
          },
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}
