// Chooses the next segment of a fill to free, when its space is needed.
import { CacheError } from '@cistern/errors';
import type { Segment, Segments } from '../spool/segments.ts';
import type { Followers } from './followers.ts';
import type { SegmentStore } from './store-segments.ts';

export interface FreeableOptions {
  readonly segments: Segments;
  readonly storing: SegmentStore;
  readonly followers: Pick<Followers, 'needs' | 'foremost'>;
  /** Whether the fill gives up a store that accepts nothing, to free space. */
  readonly mayGiveUp: boolean;
}

/** A fill without space waits this long for a store that accepts nothing. */
const storeRefusesMs = 10_000;

/** Returns the freeable segment that readers need last. Unset means that there is none. */
export function findFreeable({ segments, storing, followers, mayGiveUp }: FreeableOptions): Segment | undefined {
  if (mayGiveUp && storing.failingForMs >= storeRefusesMs)
    storing.giveUp(
      new CacheError('store-unavailable', 'The store accepted nothing, and the spool has no space to keep the blob.'),
    );
  const { foremost } = followers;
  let least: { readonly segment: Segment; readonly distance: number } | undefined;
  for (const segment of segments) {
    const { isComplete, isFreed, isHashed, isStored, release, start, end } = segment;
    if (!isComplete || isFreed || !isHashed || release === undefined) continue;
    // Without the check of `foremost`, the slowest reader would block the foremost one.
    if (!isStored && !(storing.isGivenUp && end <= foremost)) continue;
    const distance = followers.needs(start, end);
    if (least === undefined || distance > least.distance) least = { segment, distance };
  }
  return least?.segment;
}
