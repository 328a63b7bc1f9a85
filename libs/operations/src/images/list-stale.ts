// Which tags clients were given although upstream had not confirmed them for longer than their time: what an operator
// wants to see during an outage, or before going online again. The records know it, so it is of all nodes.
import type { CacheIndex, TagRecord } from '@cistern/index';
import { type SelectedTags, selectTags, type TagPosition } from './select-tags.ts';
import type { PolicyOf } from '@cistern/pull-through';

/** A pull is recorded after the answer, and so a moment after the confirmation that it waited for. */
const slackMs = 10_000;

/** Tags that were pulled after their time and not confirmed since. As `selectTags`. */
export async function listStale(
  { index, policyOf }: { readonly index: Pick<CacheIndex, 'links' | 'tags'>; readonly policyOf: PolicyOf },
  page: { readonly after?: TagPosition; readonly limit: number; readonly maxLooked?: number },
): Promise<SelectedTags> {
  return selectTags(index, { ...page, select: (record) => wasServedStale(record, policyOf) });
}

function wasServedStale({ upstream, tag, checkedAtMs, lastPulledAtMs }: TagRecord, policyOf: PolicyOf): boolean {
  return lastPulledAtMs - checkedAtMs >= Math.max(policyOf(upstream, tag).ttlMs, slackMs);
}
