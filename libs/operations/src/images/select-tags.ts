// Selects tag records of the whole index, in pages. Each page reads a limited number of records, however large the index is.
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
}

export interface SelectedTags {
  readonly tags: readonly TagRecord[];
  /** The position after which the next page continues. Unset on the last page. */
  readonly next?: TagPosition;
}

/** The most records that one request to the index reads. */
const pageSize = 100;

/**
 * Returns tags in the order of upstream, repository and tag. A page ends after `limit` tags, or after `maxRead` records and
 * repositories. So a page with a `next` can be short or empty. Rejects with `index-unavailable`.
 */
export async function selectTags(
  index: Index,
  { select, upstream, after, limit, maxRead = 10_000 }: SelectTagsOptions,
): Promise<SelectedTags> {
  const tags: TagRecord[] = [];
  let readCount = 0;
  for await (const { position, record } of stepsFrom(index, upstream, after)) {
    readCount += 1;
    if (record !== undefined && select(record)) tags.push(record);
    if (tags.length >= limit || readCount >= maxRead) return { tags, next: position };
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
  for (let last = after === undefined ? prefix : repositoryPath(after); ;) {
    const page = await index.links.repositories({ after: last, limit: pageSize });
    for (const key of page) {
      if (upstream !== undefined && key.upstream !== upstream) return;
      yield { position: key };
      yield* tagsOf(index, key, undefined);
    }
    const end = page.at(-1);
    if (end === undefined || page.length < pageSize) return;
    last = repositoryPath(end);
  }
}

async function* tagsOf(index: Index, key: RepositoryKey, after: Tag | undefined): AsyncGenerator<Step> {
  for (let last = after; ;) {
    const page = await index.tags.list(key.upstream, key.repository, { after: last, limit: pageSize });
    for (const record of page) {
      const { upstream, repository, tag } = record;
      yield { position: { upstream, repository, tag }, record };
    }
    if (page.length < pageSize) return;
    last = page.at(-1)?.tag;
  }
}
