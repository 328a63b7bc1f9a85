// Links, remembered.
import type { Digest } from '@cistern/oci';
import { linkName } from '../index-changes.ts';
import type { Link, LinkIndex, RepositoryKey } from '../links.ts';
import type { ReadOptions } from '../read-options.ts';
import { checkLinksOf } from '../repository-path.ts';
import { type CachedParts, readCached, removeCached, writeCached } from './cached-parts.ts';

export function createCachedLinks(inner: LinkIndex, parts: CachedParts<Link>): LinkIndex {
  async function get(key: RepositoryKey, digest: Digest, options?: ReadOptions): Promise<Link | undefined> {
    return readCached(parts, linkName(key, digest), () => inner.get(key, digest), options);
  }

  return {
    get,
    fromMemory: (key, digest) => parts.entries.fromMemory(linkName(key, digest)),
    async put(key, links) {
      checkLinksOf(key, links);
      await writeCached(
        parts,
        links.map(({ digest }) => linkName(key, digest)),
        () => inner.put(key, links),
        () => {
          for (const link of links) parts.entries.set(linkName(key, link.digest), link);
        },
      );
    },
    remove: (key, digest) => removeCached(parts, linkName(key, digest), () => inner.remove(key, digest)),
    async holders(upstreams, repository, digest) {
      const links = await Promise.all(upstreams.map((upstream) => get({ upstream, repository }, digest)));
      return links.filter((link) => link !== undefined);
    },
    digests: (key) => inner.digests(key),
    repositories: (page) => inner.repositories(page),
  };
}
