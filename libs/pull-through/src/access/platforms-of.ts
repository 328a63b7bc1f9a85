// Finds the platforms of a manifest or blob, for platform rules. Only an image index has the platforms of the manifests that it
// lists, and several manifests may share a layer. So all links objects of the repository are read.
import type { BlobStore } from '@cistern/blob-store';
import { type CacheIndex, type Link, type RepositoryKey, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { LRUCache } from 'lru-cache';
import type { CacheError } from '@cistern/errors';
import { forEachBounded } from '@cistern/runtime';
import type { PlatformRule } from './authorized-repository.ts';
import { listLinksObjects, readLinksObject } from '@cistern/content';

/**
 * Names as `platformName` returns them. The list is never empty. `undefined` in it represents an unknown platform, or content
 * without one.
 */
export type Platforms = readonly (string | undefined)[];

export interface PlatformsOfDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly now: () => number;
  /** The read of a repository stops after this many links. Default: 200,000, which take about 60 MB. */
  readonly maxLinks?: number;
}

export interface PlatformsOf {
  /**
   * Resolves to the platforms from a read in the last ten seconds. If that read did not find the digest, the repository is read
   * again.
   */
  recently(key: RepositoryKey, digest: Digest): Promise<Platforms>;
  /** Resolves to the current platforms, from a new read. */
  now(key: RepositoryKey, digest: Digest): Promise<Platforms>;
}

/** Resolves to the rule's error if all platforms of the digest are denied, and to `undefined` if the caller may pull it. */
export type FindDenial = (key: RepositoryKey, digest: Digest, rule: PlatformRule) => Promise<CacheError | undefined>;

type Found = ReadonlyMap<Digest, ReadonlySet<string | undefined>>;

interface Lookup {
  readonly found: Promise<Found>;
  /** The next read, which starts after the running one. All calls during the running read share it. */
  next?: Promise<Found>;
}

/**
 * The most links objects that are read. A repository with more is read only in part, so each of its digests also has an unknown
 * platform.
 */
const maxObjects = 5_000;
const readsAtOnce = 16;
const recentMs = 10_000;
/** The most digests in memory. Each takes about 300 bytes. */
const maxRemembered = 100_000;

/** Creates the search. Both methods reject with `store-unavailable` while the store is unavailable. */
export function createPlatformsOf({ index, store, now, maxLinks = 200_000 }: PlatformsOfDeps): PlatformsOf {
  const lookups = new Map<string, Lookup>();
  const looked = new LRUCache<string, Found>({
    maxSize: maxRemembered,
    sizeCalculation: ({ size }) => Math.max(1, Math.min(size, maxRemembered)),
    ttl: recentMs,
    ttlResolution: 0,
    perf: { now },
  });

  async function read(key: RepositoryKey): Promise<Found> {
    const objects: (readonly Link[])[] = [];
    let links = 0;
    await forEachBounded(listLinksObjects(store, key, maxObjects), { atOnce: readsAtOnce }, async (digest) => {
      if (links >= maxLinks) return;
      const object = await readLinksObject(store, key, digest);
      if (object === undefined) return;
      links += object.length;
      objects.push(object);
    });
    const found = gather(objects, objects.length >= maxObjects || links >= maxLinks);
    looked.set(repositoryPath(key), found);
    return found;
  }

  function start(key: RepositoryKey): Promise<Found> {
    const path = repositoryPath(key);
    const lookup: Lookup = { found: read(key).finally(() => lookups.delete(path)) };
    lookups.set(path, lookup);
    return lookup.found;
  }

  /** Starts a new read, because a running read may have missed objects that were stored after it began. */
  function readAgain(key: RepositoryKey): Promise<Found> {
    const running = lookups.get(repositoryPath(key));
    if (running === undefined) return start(key);
    running.next ??= running.found.catch(() => {}).then(() => start(key));
    return running.next;
  }

  /**
   * Adds the platform from the cache index, which can have the links of a newly stored image index before a read finds them.
   */
  async function withLink(key: RepositoryKey, digest: Digest, named: ReadonlySet<string | undefined> | undefined) {
    const linked = (await index.links.get(key, digest))?.platform;
    const all = new Set(named);
    if (linked !== undefined) all.add(linked).delete(undefined);
    return all.size === 0 ? [undefined] : [...all];
  }

  return {
    async recently(key, digest) {
      const known = looked.get(repositoryPath(key));
      const found = known?.has(digest) === true ? known : await readAgain(key);
      return withLink(key, digest, found.get(digest));
    },
    async now(key, digest) {
      return withLink(key, digest, (await readAgain(key)).get(digest));
    },
  };
}

/** A manifest has the platforms that image indexes list for it. A blob has the platforms of the manifests that list it. */
function gather(objects: readonly (readonly Link[])[], isCut: boolean): Found {
  const found = new Map<Digest, Set<string | undefined>>();
  const setOf = (digest: Digest): Set<string | undefined> => {
    const known = found.get(digest) ?? new Set();
    found.set(digest, known);
    return known;
  };
  for (const links of objects)
    for (const { digest, kind, platform } of links)
      if (kind === 'manifest' && platform !== undefined) setOf(digest).add(platform);
  for (const [manifest, ...children] of objects) {
    const platforms = manifest && setOf(manifest.digest);
    if (platforms?.size === 0) platforms.add(undefined);
    for (const { digest, kind } of children)
      if (kind === 'blob') for (const platform of platforms ?? []) setOf(digest).add(platform);
  }
  if (isCut) for (const platforms of found.values()) platforms.add(undefined);
  return found;
}

export function createFindDenial(platformsOf: PlatformsOf): FindDenial {
  return async (key, digest, rule) => {
    if (rule(await platformsOf.recently(key, digest)) === undefined) return undefined;
    // Reads again, because an image index that was stored since the last read may list the digest for another platform.
    return rule(await platformsOf.now(key, digest));
  };
}
