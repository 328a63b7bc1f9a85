// Links that only the store knows. A blob's link stands in the links objects of the manifests that name it: while the
// index is not complete, or cannot be reached, they are looked through, so that what is here is served.
import { type BlobStore, linksObjectsOf, parseLinksObjectKey } from '@cistern/blob-store';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/cache-index';
import { isCacheError } from '@cistern/errors';
import type { Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { LRUCache } from 'lru-cache';
import { forEachBounded } from './for-each-bounded.ts';
import { readLinksObject } from './small-objects.ts';

export interface StoredLinksDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
  readonly now: () => number;
}

export interface StoredLinks {
  /** `undefined` at once where the index is complete: then what it does not know is not there. */
  find(key: RepositoryKey, digest: Digest): Promise<Link | undefined>;
  /** The same for a repository of this name under the first of `upstreams` that holds the digest. */
  findAmong(upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link | undefined>;
}

/** Links objects of one repository: of a larger one not all are looked through. */
const maxObjects = 5_000;
const readsAtOnce = 16;
/** What was looked through is in the index, or in what is remembered of it. */
const lookAgainAfterMs = 10_000;
const maxRepositories = 10_000;
/** For so long a complete index is taken for complete: a pull asks once. */
const trustMs = 250;

export function createStoredLinks({ index, store, log, now }: StoredLinksDeps): StoredLinks {
  const options = { ttl: lookAgainAfterMs, ttlResolution: 0, perf: { now } };
  const looked = new LRUCache<string, Promise<void>>({ max: maxRepositories, ...options });
  let completeUntilMs = -Infinity;

  async function isComplete(): Promise<boolean> {
    if (now() < completeUntilMs) return true;
    try {
      const complete = await index.epoch.isComplete();
      if (complete) completeUntilMs = now() + trustMs;
      return complete;
    } catch (error) {
      if (isCacheError(error, 'index-unavailable')) return false;
      throw error;
    }
  }

  async function look(key: RepositoryKey): Promise<void> {
    let found = 0;
    await forEachBounded(objectsOf(key), { atOnce: readsAtOnce }, async (digest) => {
      const links = await readLinksObject(store, key, digest);
      if (links === undefined) return;
      await index.links.put(key, links);
      found += 1;
    });
    if (found > 0) log.info({ ...key, manifests: found }, 'the links of a repository were read from the store');
  }

  async function* objectsOf({ upstream, repository }: RepositoryKey): AsyncGenerator<Digest> {
    let objects = 0;
    for await (const key of store.listObjects(linksObjectsOf(upstream, repository))) {
      const parsed = parseLinksObjectKey(key);
      if (parsed?.repository === repository) yield parsed.digest;
      objects += 1;
      if (objects >= maxObjects) return;
    }
  }

  async function lookOnce(key: RepositoryKey): Promise<void> {
    const path = `${key.upstream}/${key.repository}`;
    const looking = looked.get(path) ?? look({ upstream: key.upstream, repository: key.repository });
    looked.set(path, looking, { noUpdateTTL: true });
    try {
      await looking;
    } catch (error) {
      if (looked.peek(path) === looking) looked.delete(path);
      throw error;
    }
  }

  async function findKnown(key: RepositoryKey, digest: Digest): Promise<Link | undefined> {
    await lookOnce(key);
    return index.links.get(key, digest);
  }

  return {
    async find(key, digest) {
      return (await isComplete()) ? undefined : findKnown(key, digest);
    },
    async findAmong(upstreams, repository, digest) {
      if (await isComplete()) return undefined;
      const found = await Promise.all(upstreams.map((upstream) => findKnown({ upstream, repository }, digest)));
      return found.find((link) => link !== undefined);
    },
  };
}
