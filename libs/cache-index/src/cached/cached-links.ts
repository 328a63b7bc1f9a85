// Links, remembered.
import type { Digest } from '@cistern/oci';
import { linkName } from '../index-changes.ts';
import type { Link, LinkIndex, RepositoryKey } from '../links.ts';
import type { ReadOptions } from '../read-options.ts';
import { checkLinksOf } from '../repository-path.ts';
import type { CachedParts } from './cached-parts.ts';

export function createCachedLinks(inner: LinkIndex, { entries, outage }: CachedParts<Link>): LinkIndex {
  async function get(key: RepositoryKey, digest: Digest, options?: ReadOptions): Promise<Link | undefined> {
    const name = linkName(key, digest);
    const read = options?.fresh === true ? entries.load : entries.get;
    return outage.read(
      () => read(name, () => inner.get(key, digest)),
      () => entries.peek(name),
    );
  }

  return {
    get,
    async put(key, links) {
      checkLinksOf(key, links);
      await outage.write(
        async () => {
          await inner.put(key, links);
          for (const { digest } of links) entries.drop(linkName(key, digest));
        },
        () => {
          for (const link of links) entries.set(linkName(key, link.digest), link);
        },
      );
    },
    async remove(key, digest) {
      const name = linkName(key, digest);
      return outage.write(
        async () => {
          const removed = await inner.remove(key, digest);
          entries.drop(name);
          return removed;
        },
        () => entries.take(name) !== undefined,
      );
    },
    async holders(upstreams, repository, digest) {
      const links = await Promise.all(upstreams.map((upstream) => get({ upstream, repository }, digest)));
      return links.filter((link) => link !== undefined);
    },
    repositories: (page) => inner.repositories(page),
  };
}
