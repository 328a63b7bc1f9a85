// Selects tag records of the whole index, in pages. Each page reads a limited number of records, however large the index is.
import { setImmediate as turn } from 'node:timers/promises';
import { type CacheIndex, type RepositoryKey, type TagRecord, repositoryPath } from '@cistern/index';
import type { Tag } from '@cistern/oci';

type Index = Pick<CacheIndex, 'links' | 'tags'>;

/**
 * The position after which a page continues: after `tag` in this repository. An unset `tag` means that the repository's first tag
 * is next.
 */
export interface TagPosition extends RepositoryKey {
  readonly tag?: Tag | undefined;
}

export interface SelectTagsOptions {
  readonly select: (record: TagRecord) => boolean;
  /** Default: all upstreams. */
  readonly upstream?: string | undefined;
  readonly after?: TagPosition | undefined;
  readonly limit: number;
  /** The most records and repositories that a page reads. Default: 10,000. */
  readonly maxRead?: number | undefined;
  /** A page ends at the first record after this many milliseconds. Default: no limit. */
  readonly maxMs?: number | undefined;
}

export interface SelectedTags {
  readonly tags: readonly TagRecord[];
  /** The position after which the next page continues. Unset on the last page. */
  readonly next?: TagPosition;
}

/** The most records that one request to the index reads. */
const pageSize = 100;
/** The most repositories whose tags are read in parallel. The first pages of most lists end in the first repositories. */
const maxAhead = 32;

/**
 * Returns tags in the order of upstream, repository and tag. A page ends after `limit` tags, or after `maxRead` records and
 * repositories, or after `maxMs`. So a page with a `next` can be short or empty. Rejects with `index-unavailable`.
 */
export async function selectTags(
  index: Index,
  { select, upstream, after, limit, maxRead = 10_000, maxMs = Infinity }: SelectTagsOptions,
): Promise<SelectedTags> {
  const tags: TagRecord[] = [];
  const startedAtMs = performance.now();
  let readCount = 0;
  for await (const { position, record } of stepsFrom(index, upstream, after)) {
    readCount += 1;
    if (record !== undefined && select(record)) tags.push(record);
    const isEnough = tags.length >= limit || readCount >= maxRead;
    if (isEnough || performance.now() - startedAtMs > maxMs) return { tags, next: position };
  }
  return { tags };
}

interface Step {
  readonly position: TagPosition;
  /** Unset if the step is the start of a repository. */
  readonly record?: TagRecord;
}

async function* stepsFrom(
  index: Index,
  upstream: string | undefined,
  after: TagPosition | undefined,
): AsyncGenerator<Step> {
  if (after !== undefined) yield* tagsOf(index, after, after.tag);
  const prefix = upstream === undefined ? undefined : `${upstream}/`;
  let ahead = 1;
  for (let last = after === undefined ? prefix : repositoryPath(after); ;) {
    const page = await index.links.repositories({ after: last, limit: pageSize });
    const wanted = upstream === undefined ? page : page.filter((key) => key.upstream === upstream);
    for (let start = 0; start < wanted.length;) {
      const some = wanted.slice(start, start + ahead);
      const read = some.map((key) => index.tags.list(key.upstream, key.repository, { limit: pageSize }));
      for (const [at, records] of (await Promise.all(read)).entries()) {
        yield { position: some[at]! };
        yield* records.map(toStep);
        if (records.length === pageSize) yield* tagsOf(index, some[at]!, records.at(-1)?.tag);
      }
      // The index of a single process answers without yielding to the event loop, and clients pull meanwhile.
      await turn();
      start += some.length;
      ahead = Math.min(2 * ahead, maxAhead);
    }
    const end = page.at(-1);
    if (end === undefined || page.length < pageSize || wanted.length < page.length) return;
    last = repositoryPath(end);
  }
}

function toStep(record: TagRecord): Step {
  const { upstream, repository, tag } = record;
  return { position: { upstream, repository, tag }, record };
}

async function* tagsOf(index: Index, key: RepositoryKey, after: Tag | undefined): AsyncGenerator<Step> {
  for (let last = after; ;) {
    const page = await index.tags.list(key.upstream, key.repository, { after: last, limit: pageSize });
    yield* page.map(toStep);
    if (page.length < pageSize) return;
    last = page.at(-1)?.tag;
  }
}
