// Finds the repositories that hold a digest. The search visits every repository, so only damage and purges use it.
import { type CacheIndex, type Link, type RepositoryKey, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';

type Links = Pick<CacheIndex, 'links'>;

const pageSize = 500;
const atOnce = 16;

/** Returns the link of each repository that holds the digest, at most `limit` links. */
export async function findHolders(
  index: Links,
  digest: Digest,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<Link[]> {
  const found: Link[] = [];
  const repositories = repositoriesWhile(index, () => found.length < limit);
  await forEachBounded(repositories, { atOnce, signal }, async (key) => {
    const link = await index.links.get(key, digest);
    if (link !== undefined) found.push(link);
  });
  return found.slice(0, limit);
}

export interface KeepOthersOptions {
  readonly index: Links;
  readonly readPinned: () => Promise<ReadonlySet<Digest>>;
  readonly signal: AbortSignal;
}

/**
 * Removes from `digests` those that must stay, because another repository holds them or they are pinned. Rejects with
 * `index-unavailable`.
 */
export async function keepOthers(
  { index, readPinned, signal }: KeepOthersOptions,
  digests: Set<Digest>,
  isOther: (key: RepositoryKey) => boolean,
): Promise<void> {
  for (const digest of await readPinned()) digests.delete(digest);
  const repositories = repositoriesWhile(index, () => digests.size > 0);
  await forEachBounded(repositories, { atOnce, signal }, async (key) => {
    if (isOther(key)) for (const digest of await index.links.digests(key)) digests.delete(digest);
  });
}

/**
 * Yields every repository that sorts after `after`, in the order of their paths, as long as `isWanted` returns true.
 */
export async function* repositoriesWhile(
  { links }: Links,
  isWanted: (key: RepositoryKey) => boolean,
  after?: string,
): AsyncGenerator<RepositoryKey> {
  for (let last = after; ;) {
    const page = await links.repositories({ after: last, limit: pageSize });
    for (const key of page) {
      if (!isWanted(key)) return;
      yield key;
    }
    const end = page.at(-1);
    if (end === undefined || page.length < pageSize) return;
    last = repositoryPath(end);
  }
}
