// A blob as bytes from an offset, wherever they are now: in the store, or in a fill. A reader that is half through when a
// blob is gone from the store, the store fails, or a fill's worker dies, goes on where it was from what there is then.
import { openStored, type OpenStoredDeps } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import type { FillAccess, FollowedFill, FollowFill } from '@cistern/fills';
import type { FillRecord, RepositoryKey } from '@cistern/index';
import { type Digest, segmentBytesOf } from '@cistern/oci';
import {
  type ByteSource,
  type Interruptions,
  openFailoverReader,
  SourceInterrupted,
  type SourceReader,
} from '@cistern/streams';

export interface BlobSourceDeps extends OpenStoredDeps {
  readonly fillAccess: FillAccess;
  readonly follow: FollowFill;
  /** Default: of all caches. Less for tests. */
  readonly leastSegmentBytes?: number | undefined;
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
/** Half of the time for which a pull keeps a blob from eviction (decision 0055). */
const touchEveryMs = 60_000;

export function createBlobSource(deps: BlobSourceDeps, options: BlobSourceOptions): BlobSource {
  const { digest, size } = options;
  const places = createPlaces(deps, options);
  return {
    size,
    segmentBytes: segmentBytesOf(size, deps.leastSegmentBytes),
    get origin() {
      return places.origin;
    },
    open(from, toExclusive, signal) {
      // An index that is unavailable evicts nothing meanwhile.
      const touching = setInterval(() => void deps.index.blobs.touch(digest, deps.now()).catch(() => {}), touchEveryMs);
      return openFailoverReader({
        from,
        openAt: (position, before, ending) => places.openAt(position, toExclusive, before, ending),
        signal,
        onClose: () => clearInterval(touching),
      });
    },
  };
}

/** The store, or the fill that is followed: which of them has the bytes changes while they are read. */
function createPlaces(
  deps: BlobSourceDeps,
  { digest, size, source, stored, following, verified, checked }: BlobSourceOptions,
) {
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

  return {
    get origin() {
      return first?.origin;
    },
    async openAt(from: number, toExclusive: number, before: Interruptions, signal: AbortSignal): Promise<SourceReader> {
      let past = before.inARow >= maxInterruptions ? followed?.record : undefined;
      storeFailure = undefined;
      // Where it was interrupted somebody else may have gone on.
      if (before.inARow > 0) followed = undefined;
      inStore ||= before.isStored;
      for (let tries = 0; tries < maxTries; tries += 1) {
        const reader = inStore ? await openInStore(from, toExclusive, signal) : undefined;
        if (reader !== undefined) {
          noteOrigin(from, 'stored');
          return reader;
        }
        const { record, joined } = await followTo(from, toExclusive, past, signal);
        // Its bytes are where nobody gets them now.
        if (record.state === 'done' && storeFailure !== undefined) throw storeFailure;
        const range = { from, toExclusive, verified };
        const opened = record.state === 'done' ? undefined : await openFill(deps, record, range, signal);
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
    },
  };
}

async function openFill(
  { fillAccess, log }: BlobSourceDeps,
  record: Parameters<FillAccess['open']>[0],
  range: Parameters<FillAccess['open']>[1],
  signal: AbortSignal,
): Promise<SourceReader | 'unreachable' | undefined> {
  try {
    return await fillAccess.open(record, range, signal);
  } catch (error) {
    if (!(error instanceof SourceInterrupted)) throw error;
    log.warn({ err: error, digest: record.digest, address: record.address }, 'a fill is asked of another worker');
    return 'unreachable';
  }
}
