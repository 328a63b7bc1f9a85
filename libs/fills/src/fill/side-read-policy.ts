// Decides for a reader whose bytes are not in the spool: it waits for them, or gets them by a side read.
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
  /** Returns the fetch of the whole blob. `undefined` means that it has not begun. */
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
  /**
   * No side read is started before this time if readers can wait for their bytes. Infinity means that upstream supports no
   * ranges.
   */
  let pausedUntilMs = 0;

  /** Returns whether readers can wait for missing bytes, because the whole blob will be in the store. */
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
      // If the blob will not be stored, the reader gets the error, because nothing would wake it later.
      return willBeStored();
    },
  });

  const isComing = (offset: number, { isFreed, start }: Segment, verified: boolean) => {
    const { fetch, hash } = work() ?? {};
    if (isFreed) return false;
    // A reader that needs the whole blob and is faster than the fill waits. A side read would not help it, because the blob's end
    // is withheld anyway.
    if (fetch?.delivers(offset) === true) return true;
    if (!verified || start >= (hash?.position ?? 0) + perFillBytes) return false;
    return fetch?.want(offset) ?? true;
  };

  return {
    /**
     * Opens a side read of `[from, end)`, or of only the first part of this range. `undefined` means that the reader must wait,
     * because the bytes will be in the spool or in the store. Throws `store-unavailable` if nothing can deliver the bytes.
     */
    open(from: number, end: number, verified: boolean): SourceReader | undefined {
      const segment = segments.holding(from);
      if (isComing(from, segment, verified)) return undefined;
      const mayRequest = pausedUntilMs !== Infinity && work()?.fetch.mayGetRanges !== false;
      if (!willBeStored() && !mayRequest && segment.isFreed)
        throw new CacheError(
          'store-unavailable',
          'The store accepts no bytes of the blob, and the spool no longer has the requested ones.',
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
