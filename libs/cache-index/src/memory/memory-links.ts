// Links in a map of maps: repository, then digest.
import type { Digest } from '@cistern/oci';
import { compareBytes } from '../compare-bytes.ts';
import type { Link, LinkIndex, RepositoryKey } from '../links.ts';
import { checkLinksOf, repositoryKeyOf, repositoryPath } from '../repository-path.ts';

export function createMemoryLinks(checkAvailable: () => void): LinkIndex {
  const repositories = new Map<string, Map<Digest, Link>>();

  function find(key: RepositoryKey, digest: Digest): Link | undefined {
    return repositories.get(repositoryPath(key))?.get(digest);
  }

  return {
    async get(key, digest) {
      checkAvailable();
      return find(key, digest);
    },
    recall: find,
    async put(key, links) {
      checkLinksOf(key, links);
      checkAvailable();
      if (links.length === 0) return;
      const path = repositoryPath(key);
      const held = repositories.get(path) ?? new Map<Digest, Link>();
      repositories.set(path, held);
      for (const link of links) held.set(link.digest, { ...link });
    },
    async remove(key, digest) {
      checkAvailable();
      const path = repositoryPath(key);
      const held = repositories.get(path);
      const removed = held?.delete(digest) ?? false;
      if (held?.size === 0) repositories.delete(path);
      return removed;
    },
    async holders(upstreams, repository, digest) {
      checkAvailable();
      return upstreams.flatMap(
        (upstream) => repositories.get(repositoryPath({ upstream, repository }))?.get(digest) ?? [],
      );
    },
    async digests(key) {
      checkAvailable();
      return [...(repositories.get(repositoryPath(key))?.keys() ?? [])];
    },
    async repositories({ after, limit }) {
      checkAvailable();
      return [...repositories.keys()]
        .filter((path) => after === undefined || compareBytes(path, after) > 0)
        .sort(compareBytes)
        .slice(0, limit)
        .map(repositoryKeyOf);
    },
  };
}
