// Chooses the next segment of a fill to free, when its space is needed.
import { CacheError } from '@cistern/errors';
import type { Segment, Segments } from '../spool/segments.ts';
import type { Followers } from './followers.ts';
import type { SegmentStore } from './store-segments.ts';

export interface FreeableOptions {
  readonly segments: Segments;
  readonly storing: SegmentStore;
  readonly followers: Pick<Followers, 'needs' | 'foremost'>;
  /** True if the fill may give up storing the blob to free space, if the store has accepted nothing for ten seconds. */
  readonly mayGiveUp: boolean;
}

/** A fill without space waits this long for a store that accepts nothing. */
const storeRefusesMs = 10_000;

/** Returns the segment that readers need last, among those that can be freed. `undefined` means that none can be freed. */
export function findFreeable({ segments, storing, followers, mayGiveUp }: FreeableOptions): Segment | undefined {
  if (mayGiveUp && storing.failingForMs >= storeRefusesMs)
    storing.giveUp(
      new CacheError(
        'store-unavailable',
        'The store accepted no bytes of the blob, and the spool has no space to keep them.',
      ),
    );
  const { foremost } = followers;
  let least: { readonly segment: Segment; readonly distance: number } | undefined;
  for (const segment of segments) {
    const { isComplete, isFreed, isHashed, isStored, release, start, end } = segment;
    if (!isComplete || isFreed || !isHashed || release === undefined) continue;
    // If storing was given up, the foremost reader decides. Otherwise the slowest reader would block the foremost one.
    if (!isStored && !(storing.isGivenUp && end <= foremost)) continue;
    const distance = followers.needs(start, end);
    if (least === undefined || distance > least.distance) least = { segment, distance };
  }
  return least?.segment;
}
