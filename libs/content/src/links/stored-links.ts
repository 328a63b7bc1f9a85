// Finds links in the store. A blob's link is in the links objects of the manifests that list the blob. These objects are
// searched while the index is incomplete or unavailable, so that cached content is still served.
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import type { Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { LRUCache } from 'lru-cache';
import { forEachBounded } from '@cistern/runtime';
import type { IndexAndStore } from '../blob/stored-blob.ts';
import { listLinksObjects, readLinksObject } from '../objects/small-objects.ts';
import { putLinks } from './repository-links.ts';
import { hasUnreadLinks } from './unread-links.ts';

export interface StoredLinksDeps extends IndexAndStore {
  readonly log: Logger;
  readonly now: () => number;
  /** The search of a repository stops after this many links. Default: 200,000, which take about 60 MB. */
  readonly maxLinks?: number;
}

export type StoredLinks = ReturnType<typeof createStoredLinks>;

interface FoundLinks {
  readonly links: Map<Digest, Link>;
  /** Manifests whose links objects were read. */
  readonly manifests: Set<Digest>;
}

/** The most links objects that one search reads. A larger repository is searched only in part. */
const maxObjects = 5_000;
const readsAtOnce = 16;
/** After this many failed reads in one search, the store itself counts as unavailable. */
const maxFailures = 16;
/**
 * How long found links are remembered. They are remembered here because an unavailable index does not store them. A digest that
 * was not found may be stored later, so it always causes a new search.
 */
const rememberForMs = 10_000;
/** The pause between two searches of one repository. Requests during the pause wait for the second search. */
const pauseMs = 250;
/** The most links that are remembered. Each takes about 300 bytes. */
const maxRemembered = 100_000;

export function createStoredLinks(deps: StoredLinksDeps) {
  const { index } = deps;
  const lookups = createLookups(deps);
  return {
    /** Forgets all found links. */
    forget: lookups.forget,
    /**
     * Finds a link that the index lacks. If the index is complete, only the index is searched, because a link that it lacks
     * does not exist.
     */
    find: (key: RepositoryKey, digest: Digest): Promise<Link | undefined> =>
      findFirst(
        index,
        [key],
        () => index.links.get(key, digest, { fresh: true }),
        () => lookups.find(key, digest),
      ),
    /** Finds a link in the repository of this name, at the first of `upstreams` that holds the digest. */
    findAmong: (upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link | undefined> =>
      findFirst(
        index,
        upstreams.map((upstream) => ({ upstream, repository })),
        async () => (await index.links.holders(upstreams, repository, digest))[0],
        async () => {
          const found = await Promise.all(upstreams.map((upstream) => lookups.find({ upstream, repository }, digest)));
          return found.find((link) => link !== undefined);
        },
      ),
  };
}

/** Searches the index, then the store if the index may have lost the link or if a rebuild could not read the links object. */
async function findFirst(
  index: CacheIndex,
  among: readonly RepositoryKey[],
  inIndex: () => Promise<Link | undefined>,
  inStore: () => Promise<Link | undefined>,
): Promise<Link | undefined> {
  // Query the index again, because it may have become complete since the caller's query.
  if (await isComplete(index, among)) {
    const link = await inIndex();
    // If the index lost data meanwhile or was unavailable, a missing link proves nothing.
    if (link !== undefined || (await isComplete(index, among))) return link;
  }
  return inStore();
}

/** Returns whether the index has all links of these repositories. */
async function isComplete(index: CacheIndex, repositories: readonly RepositoryKey[]): Promise<boolean> {
  try {
    return (await index.epoch.isComplete()) && !(await hasUnreadLinks(index, repositories));
  } catch (error) {
    if (isCacheError(error, 'index-unavailable')) return false;
    throw error;
  }
}

/** Creates the search of repositories in the store. Found links are remembered, and concurrent requests share one search. */
function createLookups(deps: StoredLinksDeps) {
  /** The found links. The key is the path of the repository, as in all maps here. */
  const cached = new LRUCache<string, FoundLinks>({
    maxSize: maxRemembered,
    sizeCalculation: ({ links }) => Math.max(1, Math.min(links.size, maxRemembered)),
    ttl: rememberForMs,
    // The time to live counts from the first read.
    noUpdateTTL: true,
    ttlResolution: 0,
    perf: { now: deps.now },
  });
  const running = new Map<string, Promise<FoundLinks>>();
  const pausing = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<FoundLinks>>();
  let purges = 0;

  async function lookUp(key: RepositoryKey, path: string): Promise<FoundLinks> {
    const purgesBefore = purges;
    const before = cached.get(path);
    const found = { links: new Map(before?.links), manifests: new Set(before?.manifests) };
    try {
      await readInto(deps, found, key);
      return found;
    } finally {
      // Keep the links even after a failure, because links that were read before it are right. A purge during the search
      // discards them.
      if (purges === purgesBefore) cached.set(path, found);
    }
  }

  /** Resolves to the result of a search that begins after this call. */
  function lookUpAgain(key: RepositoryKey, path: string): Promise<FoundLinks> {
    const begin = async () => {
      try {
        await pausing.get(path);
      } finally {
        waiting.delete(path);
      }
      const found = lookUp(key, path).finally(() => {
        if (running.get(path) === found) running.delete(path);
      });
      running.set(path, found);
      // If this search fails, requests that already wait for the next search fail with the same error.
      const pause = found.then(() => delay(pauseMs, undefined, { ref: false })).finally(() => pausing.delete(path));
      pausing.set(path, pause);
      pause.catch(() => {});
      return found;
    };
    const promise = waiting.get(path) ?? begin();
    waiting.set(path, promise);
    return promise;
  }

  async function find({ upstream, repository }: RepositoryKey, digest: Digest): Promise<Link | undefined> {
    const path = `${upstream}/${repository}`;
    const known = () => cached.get(path)?.links.get(digest);
    try {
      const link = known() ?? (await running.get(path))?.links.get(digest);
      return link ?? (await lookUpAgain({ upstream, repository }, path)).links.get(digest);
    } catch (error) {
      const link = known();
      if (link === undefined) throw error;
      return link;
    }
  }

  return {
    forget(): void {
      purges += 1;
      cached.clear();
      running.clear();
    },
    find,
  };
}

/**
 * Reads those links objects of the repository that were not read before, and adds their links to the found links and to the
 * index. It skips objects that cannot be read, and rejects at the end with the first error.
 */
async function readInto(
  { index, store, log, maxLinks = 200_000 }: StoredLinksDeps,
  { links, manifests }: FoundLinks,
  key: RepositoryKey,
): Promise<void> {
  const known = manifests.size;
  const failures: unknown[] = [];
  const read = async (digest: Digest) => {
    try {
      return await readLinksObject(store, key, digest);
    } catch (error) {
      if (!isCacheError(error, 'store-unavailable') || failures.push(error) >= maxFailures) throw error;
      return undefined;
    }
  };
  await forEachBounded(listLinksObjects(store, key, maxObjects), { atOnce: readsAtOnce }, async (digest) => {
    if (manifests.has(digest) || links.size >= maxLinks) return;
    const object = await read(digest);
    if (object === undefined) return;
    manifests.add(digest);
    for (const link of object) if (links.get(link.digest)?.confirmed !== true) links.set(link.digest, link);
    await putLinks(index, key, object);
  });
  const added = manifests.size - known;
  if (added > 0) log.debug({ ...key, manifests: added }, 'read links of repository from store');
  if (failures.length > 0) throw failures[0];
}
