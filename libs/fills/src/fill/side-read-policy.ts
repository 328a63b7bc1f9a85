// Decides whether a reader waits for bytes that are not in the spool, or gets them by a side read.
import { CacheError } from '@cistern/errors';
import type { SourceReader } from '@cistern/streams';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';
import { isNoRange } from '../fetch/fetch-errors.ts';
import { createSideReads } from '../fetch/side-reads.ts';
import type { Segment, Segments } from '../spool/segments.ts';
import type { WholeFetch } from './fetch-whole.ts';

export interface SideReadPolicyOptions {
  readonly segments: Segments;
  readonly perFillBytes: number;
  readonly get: (range: BlobRequestOptions) => Promise<UpstreamBlobBody>;
  /** See `SideReadsOptions`. */
  readonly first: { readonly body: UpstreamBlobBody; readonly endExclusive: number } | undefined;
  /** See `SideReadsOptions`. */
  readonly requestedBefore: number;
  readonly onBytes: (bytes: number) => void;
  /** The fetch of the whole blob, once it has begun. */
  readonly work: () => WholeFetch | undefined;
  readonly isWholeWanted: () => boolean;
  /** Called when upstream does not support ranges. */
  readonly wantWhole: () => void;
}

/** After a side read fails, none is tried for this long. */
const pauseMs = 10_000;

export type SideReadPolicy = ReturnType<typeof createSideReadPolicy>;

export function createSideReadPolicy(options: SideReadPolicyOptions) {
  const { segments, perFillBytes, get, first, requestedBefore, onBytes, work, isWholeWanted, wantWhole } = options;
  /** Readers wait until this time. */
  let pausedUntilMs = 0;

  /** Whether readers that lack bytes can wait for them, because the blob will be in the store. */
  const willBeStored = () => isWholeWanted() && work()?.storing.isGivenUp !== true;

  const sides = createSideReads({
    size: segments.size,
    segmentBytes: segments.segmentBytes,
    get,
    first,
    requestedBefore,
    onBytes,
    onFailed(error) {
      if (isNoRange(error)) {
        wantWhole();
        pausedUntilMs = Infinity;
      } else if (willBeStored()) pausedUntilMs = performance.now() + pauseMs;
      // Otherwise nothing else would wake the reader.
      return willBeStored();
    },
  });

  const isComing = (offset: number, { isFreed, start }: Segment, verified: boolean) => {
    const { fetch, hash } = work() ?? {};
    if (isFreed) return false;
    // A reader that is faster than the fill waits for it: the blob's end would be withheld from it anyway.
    if (fetch?.delivers(offset) === true) return true;
    if (!verified || start >= (hash?.position ?? 0) + perFillBytes) return false;
    return fetch?.want(offset) ?? true;
  };

  return {
    /**
     * Opens a reader of `[from, end)`, or of its beginning. Unset means that the reader must wait: the bytes will soon be in the
     * spool or in the store. Throws `store-unavailable` if nothing can deliver the bytes.
     */
    open(from: number, end: number, verified: boolean): SourceReader | undefined {
      const segment = segments.holding(from);
      if (isComing(from, segment, verified)) return undefined;
      const mayRequest = pausedUntilMs !== Infinity && work()?.fetch.mayGetRanges !== false;
      if (!willBeStored() && !mayRequest && segment.isFreed)
        throw new CacheError(
          'store-unavailable',
          'The store accepts nothing, and the spool no longer has these bytes.',
          {
            retryable: true,
          },
        );
      if (!mayRequest) return undefined;
      const next = nextPresent(segments, segment, sides.endOf(from, end));
      if (!willBeStored()) return sides.open(from, next);
      const leftBytes = segments.size - sides.requestedBytes;
      if (leftBytes <= 0 || performance.now() < pausedUntilMs) return undefined;
      return sides.open(from, Math.min(next, from + leftBytes));
    },
    /** Number of open reads. */
    get count(): number {
      return sides.count;
    },
    /** See `SideReads`. */
    get requestedBytes(): number {
      return sides.requestedBytes;
    },
    end: sides.end,
    close: sides.close,
  };
}

/** Returns the end of a side read: `end`, or the start of the next bytes in the spool. */
function nextPresent(segments: Segments, { index }: Segment, end: number): number {
  for (let next = index + 1; next < segments.count; next += 1) {
    const { start, filled, isFreed } = segments.at(next);
    if (start >= end) return end;
    if (filled > 0 && !isFreed) return start;
  }
  return end;
}
