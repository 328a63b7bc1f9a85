// Links that only the store knows. A blob's link stands in the links objects of the manifests that name it: while the
// index is not complete, or cannot be reached, they are looked through, so that what is here is served.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/cache-index';
import { isCacheError } from '@cistern/errors';
import type { Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { LRUCache } from 'lru-cache';
import { forEachBounded } from './for-each-bounded.ts';
import { listLinksObjects, readLinksObject } from './small-objects.ts';

export interface StoredLinksDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
  readonly now: () => number;
}

export interface StoredLinks {
  /** For a digest that the index does not know. `undefined` where the index is complete: then it is not held. */
  find(key: RepositoryKey, digest: Digest): Promise<Link | undefined>;
  /** The same for a repository of this name under the first of `upstreams` that holds the digest. */
  findAmong(upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link | undefined>;
  /** What was found before is looked for again. */
  forget(): void;
}

type FoundLinks = ReadonlyMap<Digest, Link>;

/** Links objects of one repository: of a larger one not all are looked through. */
const maxObjects = 5_000;
const readsAtOnce = 16;
/**
 * For so long a look tells what it found. That it told the index is not enough: what an index was told while it could not
 * be reached is gone when it is reached again.
 */
const lookAgainAfterMs = 10_000;
/** About 300 bytes each. */
const maxRemembered = 100_000;

export function createStoredLinks({ index, store, log, now }: StoredLinksDeps): StoredLinks {
  const looking = new Map<string, Promise<FoundLinks>>();
  const looked = new LRUCache<string, FoundLinks>({
    maxSize: maxRemembered,
    sizeCalculation: ({ size }) => Math.max(1, Math.min(size, maxRemembered)),
    ttl: lookAgainAfterMs,
    ttlResolution: 0,
    perf: { now },
  });

  async function isComplete(): Promise<boolean> {
    try {
      return await index.epoch.isComplete();
    } catch (error) {
      if (isCacheError(error, 'index-unavailable')) return false;
      throw error;
    }
  }

  async function look(key: RepositoryKey): Promise<FoundLinks> {
    const found = new Map<Digest, Link>();
    await forEachBounded(listLinksObjects(store, key, maxObjects), { atOnce: readsAtOnce }, async (digest) => {
      const links = await readLinksObject(store, key, digest);
      if (links === undefined) return;
      await index.links.put(key, links);
      for (const link of links) found.set(link.digest, link);
    });
    if (found.size > 0) log.info({ ...key, links: found.size }, 'the links of a repository were read from the store');
    return found;
  }

  async function lookOnce({ upstream, repository }: RepositoryKey): Promise<FoundLinks> {
    const path = `${upstream}/${repository}`;
    const known = looked.get(path) ?? looking.get(path);
    if (known !== undefined) return known;
    const promise = look({ upstream, repository });
    looking.set(path, promise);
    try {
      const found = await promise;
      if (looking.get(path) === promise) looked.set(path, found);
      return found;
    } finally {
      if (looking.get(path) === promise) looking.delete(path);
    }
  }

  return {
    forget() {
      looked.clear();
      looking.clear();
    },
    async find(key, digest) {
      // It may have become complete since the caller asked it.
      if (await isComplete()) {
        const link = await index.links.get(key, digest, { fresh: true });
        // An outage that begins now says nothing of what is held.
        if (link !== undefined || index.epoch.isReachable()) return link;
      }
      return (await lookOnce(key)).get(digest);
    },
    async findAmong(upstreams, repository, digest) {
      if (await isComplete()) {
        const [link] = await index.links.holders(upstreams, repository, digest);
        if (link !== undefined || index.epoch.isReachable()) return link;
      }
      const found = await Promise.all(upstreams.map((upstream) => lookOnce({ upstream, repository })));
      return found.map((links) => links.get(digest)).find((link) => link !== undefined);
    },
  };
}
