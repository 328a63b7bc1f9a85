// Which tags clients were given although upstream had not confirmed them for longer than their time: what an operator
// wants to see during an outage, or before going online again. The records know it, so it is of all nodes.
import type { CacheIndex, TagKey, TagRecord } from '@cistern/cache-index';
import { repositoryPath } from '../repository-path.ts';
import type { PolicyOf } from './create-freshness-policies.ts';

type Index = Pick<CacheIndex, 'links' | 'tags'>;

export interface StaleTagsPage {
  readonly tags: readonly TagRecord[];
  /** The tag after which to go on; absent: that was all. */
  readonly next?: TagKey;
}

/** A pull is recorded after the answer, and so a moment after the confirmation that it waited for. */
const slackMs = 10_000;
/** Records of one page of the index. */
const pageSize = 100;

/**
 * Tags that were pulled after their time and not confirmed since, by repository and tag. Ends with the page after `limit`
 * of them or after `maxLooked` records, so it may be short and have a `next`.
 */
export async function listStale(
  { index, policyOf }: { readonly index: Index; readonly policyOf: PolicyOf },
  {
    after,
    limit,
    maxLooked = 10_000,
  }: { readonly after?: TagKey; readonly limit: number; readonly maxLooked?: number },
): Promise<StaleTagsPage> {
  const tags: TagRecord[] = [];
  let looked = 0;
  for await (const record of recordsFrom(index, after)) {
    looked += 1;
    if (wasServedStale(record, policyOf)) tags.push(record);
    if (tags.length < limit && looked < maxLooked) continue;
    const { upstream, repository, tag } = record;
    return { tags, next: { upstream, repository, tag } };
  }
  return { tags };
}

async function* recordsFrom(index: Index, after: TagKey | undefined): AsyncGenerator<TagRecord> {
  if (after !== undefined) yield* tagsOf(index, after, after.tag);
  for (let last = after && repositoryPath(after); ;) {
    const page = await index.links.repositories({ after: last, limit: pageSize });
    for (const key of page) yield* tagsOf(index, key, undefined);
    const end = page.at(-1);
    if (end === undefined || page.length < pageSize) return;
    last = repositoryPath(end);
  }
}

async function* tagsOf(
  index: Index,
  { upstream, repository }: Pick<TagKey, 'upstream' | 'repository'>,
  after: string | undefined,
): AsyncGenerator<TagRecord> {
  for (let last = after; ;) {
    const page = await index.tags.list(upstream, repository, { after: last, limit: pageSize });
    yield* page;
    if (page.length < pageSize) return;
    last = page.at(-1)?.tag;
  }
}

function wasServedStale({ upstream, tag, checkedAtMs, lastPulledAtMs }: TagRecord, policyOf: PolicyOf): boolean {
  return lastPulledAtMs - checkedAtMs >= Math.max(policyOf(upstream, tag).ttlMs, slackMs);
}
