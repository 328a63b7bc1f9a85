// Reads a blob from an offset, from the store or from a fill. If the store loses the blob or fails, or the fill's worker dies,
// the reader continues at its position from another source.
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
  /** Default: the segment size of all caches. Tests set less. */
  readonly leastSegmentBytes?: number | undefined;
}

export interface BlobSourceOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly source: RepositoryKey;
  /** Whether the store has the blob. If not, readers follow a fill. */
  readonly stored: boolean;
  /** A fill that is known to run. */
  readonly following: FollowedFill | undefined;
  /** Whether the blob's end is withheld until the whole is verified. False for small ranges, which do not wait. */
  readonly verified: boolean;
  /** Whether stored bytes are hashed again, although they were verified when they were stored. */
  readonly checked: boolean;
}

export interface BlobSource extends ByteSource {
  /** Where the first reader's bytes come from; `undefined` before the first reader opens. */
  readonly origin: 'stored' | 'joined' | 'fetched' | undefined;
}

const maxTries = 4;
/** After so many interruptions without a byte, the reader stops using a fill. */
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
      // While the index is unavailable, nothing is evicted.
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

/** Chooses between the store and the followed fill. Which of them has the bytes changes while they are read. */
function createPlaces(
  deps: BlobSourceDeps,
  { digest, size, source, stored, following, verified, checked }: BlobSourceOptions,
) {
  let inStore = stored;
  let first: { readonly from: number; readonly origin: BlobSource['origin'] } | undefined;
  let storeFailure: unknown;
  let followed = following;

  /** A reader that got no bytes continues from another source at the same position. */
  const noteOrigin = (from: number, origin: BlobSource['origin']) => {
    if (first === undefined || first.from === from) first = { from, origin };
  };

  /** Fetches the blob again. A fill in state `done` stored the damaged bytes. Rejects as `follow` does. */
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
      deps.log.warn({ err: error, digest }, 'store unavailable, falling back to upstream');
      return undefined;
    }
  };

  /** Uses the last running fill without a read of the index. A fill that has ended reports so. */
  const followTo = async (from: number, toExclusive: number, past: FillRecord | undefined, signal: AbortSignal) => {
    if (followed !== undefined && followed.record !== past && followed.record.state === 'running') return followed;
    const { record, joined } = await deps.follow({ digest, source, from, toExclusive, past, signal });
    if (record.size !== size)
      throw new CacheError('content-mismatch', `The size of ${digest} changed from ${size} to ${record.size} bytes.`);
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
      // After an interruption another worker may have taken over the fill.
      if (before.inARow > 0) followed = undefined;
      inStore ||= before.isStored;
      for (let tries = 0; tries < maxTries; tries += 1) {
        const reader = inStore ? await openInStore(from, toExclusive, signal) : undefined;
        if (reader !== undefined) {
          noteOrigin(from, 'stored');
          return reader;
        }
        const { record, joined } = await followTo(from, toExclusive, past, signal);
        // The bytes are in a store that is unavailable.
        if (record.state === 'done' && storeFailure !== undefined) throw storeFailure;
        const range = { from, toExclusive, verified };
        const opened = record.state === 'done' ? undefined : await openFill(deps, record, range, signal);
        inStore = opened === undefined;
        if (opened !== undefined && opened !== 'unreachable') {
          noteOrigin(from, joined ? 'joined' : 'fetched');
          return opened;
        }
        // The fill has ended, or its worker is unavailable. The bytes are in the store, or another fill has to fetch them.
        past = record;
      }
      throw new CacheError('store-unavailable', `${digest} is neither in the store nor in a fill. Try again later.`, {
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
    log.warn(
      { err: error, digest: record.digest, address: record.address },
      'fill worker unreachable, trying another source',
    );
    return 'unreachable';
  }
}
