// Which segment of a fill is freed next, when its room is wanted.
import { CacheError } from '@cistern/errors';
import type { Segment, Segments } from '../spool/segments.ts';
import type { Followers } from './followers.ts';
import type { SegmentStore } from './store-segments.ts';

export interface FreeableOptions {
  readonly segments: Segments;
  readonly storing: SegmentStore;
  readonly followers: Pick<Followers, 'needs' | 'foremost'>;
  /** Whether a store that takes nothing is given up, for want of room. */
  readonly mayGiveUp: boolean;
}

/** A store that takes nothing for as long does not hold up a fill that has no room. */
const storeRefusesMs = 10_000;

/** The segment that readers need last among those that may go; unset means that there is none. */
export function findFreeable({ segments, storing, followers, mayGiveUp }: FreeableOptions): Segment | undefined {
  if (mayGiveUp && storing.failingForMs >= storeRefusesMs)
    storing.giveUp(
      new CacheError('store-unavailable', 'The store took nothing, and the spool keeps no more of the blob.'),
    );
  const { foremost } = followers;
  let least: { readonly segment: Segment; readonly distance: number } | undefined;
  for (const segment of segments) {
    const { isComplete, isFreed, isHashed, isStored, release, start, end } = segment;
    if (!isComplete || isFreed || !isHashed || release === undefined) continue;
    // Otherwise the slowest reader would hold up the foremost one.
    if (!isStored && !(storing.isGivenUp && end <= foremost)) continue;
    const distance = followers.needs(start, end);
    if (least === undefined || distance > least.distance) least = { segment, distance };
  }
  return least?.segment;
}
