// Reads a blob from any offset, out of the store or a fill. If the store loses the blob or fails, or if the fill's worker dies,
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
  /** The least bytes of a segment. Default: the size that all caches use. Tests set less. */
  readonly leastSegmentBytes?: number | undefined;
}

export interface BlobSourceOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly source: RepositoryKey;
  /** True if the store has the blob. Otherwise readers follow a fill. */
  readonly stored: boolean;
  /** The running fill of the blob. Unset if the caller knows of none. */
  readonly following: FollowedFill | undefined;
  /**
   * True if the end of the blob is withheld until the whole blob is verified. False for small ranges, which do not wait for
   * that.
   */
  readonly verified: boolean;
  /** True if stored bytes are hashed while they are read, although they were verified when they were stored. */
  readonly checked: boolean;
}

export interface BlobSource extends ByteSource {
  /** The place from which the first reader gets its bytes. `undefined` before the first reader opens. */
  readonly origin: 'stored' | 'joined' | 'fetched' | undefined;
}

const maxTries = 4;
/** After this many interruptions in a row without a byte, the reader stops using the fill. */
const maxInterruptions = 3;
/** A pull protects a blob from eviction for twice this time (decision 0055), so a long read refreshes it in time. */
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
      // A failure is ignored, because nothing is evicted while the index is unavailable.
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

/**
 * Chooses between the store and the followed fill, each time a reader opens. The bytes may move from the fill to the store
 * during a read.
 */
function createPlaces(
  deps: BlobSourceDeps,
  { digest, size, source, stored, following, verified, checked }: BlobSourceOptions,
) {
  let inStore = stored;
  let first: { readonly from: number; readonly origin: BlobSource['origin'] } | undefined;
  let storeFailure: unknown;
  let followed = following;

  /**
   * Notes where the first bytes come from. A reader that got no bytes opens again at the same position, so the later source
   * counts.
   */
  const noteOrigin = (from: number, origin: BlobSource['origin']) => {
    if (first === undefined || first.from === from) first = { from, origin };
  };

  /**
   * Starts another fill of the blob. A fill in state `done` is skipped, because it stored the damaged bytes. Rejects as
   * `follow` does.
   */
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

  /**
   * Returns the followed fill if it was running when it was last read, without a read of the index. If that fill has ended,
   * opening it shows that.
   */
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
      // After an interruption, read the record again, because another worker may have taken over the fill.
      if (before.inARow > 0) followed = undefined;
      inStore ||= before.isStored;
      for (let tries = 0; tries < maxTries; tries += 1) {
        const reader = inStore ? await openInStore(from, toExclusive, signal) : undefined;
        if (reader !== undefined) {
          noteOrigin(from, 'stored');
          return reader;
        }
        const { record, joined } = await followTo(from, toExclusive, past, signal);
        // The fill has stored the bytes, but the store is unavailable.
        if (record.state === 'done' && storeFailure !== undefined) throw storeFailure;
        const range = { from, toExclusive, verified };
        const opened = record.state === 'done' ? undefined : await openFill(deps, record, range, signal);
        inStore = opened === undefined;
        if (opened !== undefined && opened !== 'unreachable') {
          noteOrigin(from, joined ? 'joined' : 'fetched');
          return opened;
        }
        // The fill has ended, so the bytes are in the store, or its worker is unavailable, so another fill has to fetch them.
        past = record;
      }
      throw new CacheError(
        'store-unavailable',
        `${digest} is neither in the store nor in a running fill. Try again later.`,
        {
          retryable: true,
        },
      );
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
