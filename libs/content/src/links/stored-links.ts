// Links that only the store knows. A blob's link stands in the links objects of the manifests that name it: while the
// index is not complete, or cannot be reached, they are looked through, so that what is here is served.
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
  /** A look through a repository ends after so many links. Default: 200,000, about 60 MB. */
  readonly maxLinks?: number;
}

export type StoredLinks = ReturnType<typeof createStoredLinks>;

interface FoundLinks {
  readonly links: Map<Digest, Link>;
  /** Whose links objects were read. */
  readonly manifests: Set<Digest>;
}

/** Links objects of one repository: of a larger one not all are looked through. */
const maxObjects = 5_000;
const readsAtOnce = 16;
/** With so many it is the store that fails. */
const maxFailures = 16;
/**
 * For so long a look tells what it found. That it told the index is not enough: what an index was told while it could not
 * be reached is gone when it is reached again. What it did not find may have been stored since: that is listed anew.
 */
const rememberForMs = 10_000;
/** Between two looks through one repository: whoever asks meanwhile waits for the second. */
const pauseMs = 250;
/** About 300 bytes each. */
const maxRemembered = 100_000;

export function createStoredLinks(deps: StoredLinksDeps) {
  const { index } = deps;
  const looks = createLooks(deps);
  return {
    /** Links that were found before are looked for again. */
    forget: looks.forget,
    /** For a digest that the index does not know. `undefined` where the index is complete: then it is not held. */
    find: (key: RepositoryKey, digest: Digest): Promise<Link | undefined> =>
      findFirst(
        index,
        [key],
        () => index.links.get(key, digest, { fresh: true }),
        () => looks.find(key, digest),
      ),
    /** The same for a repository of this name under the first of `upstreams` that holds the digest. */
    findAmong: (upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link | undefined> =>
      findFirst(
        index,
        upstreams.map((upstream) => ({ upstream, repository })),
        async () => (await index.links.holders(upstreams, repository, digest))[0],
        async () => {
          const found = await Promise.all(upstreams.map((upstream) => looks.find({ upstream, repository }, digest)));
          return found.find((link) => link !== undefined);
        },
      ),
  };
}

/** What the index holds, and what the store does if the index may have lost it, or a rebuild could not read it. */
async function findFirst(
  index: CacheIndex,
  among: readonly RepositoryKey[],
  inIndex: () => Promise<Link | undefined>,
  inStore: () => Promise<Link | undefined>,
): Promise<Link | undefined> {
  // It may have become complete since the caller asked it.
  if (await isComplete(index, among)) {
    const link = await inIndex();
    // A loss, or an outage, that came before the answer says nothing of what is held.
    if (link !== undefined || (await isComplete(index, among))) return link;
  }
  return inStore();
}

/** Whether the index knows all that these repositories hold. */
async function isComplete(index: CacheIndex, repositories: readonly RepositoryKey[]): Promise<boolean> {
  try {
    return (await index.epoch.isComplete()) && !(await hasUnreadLinks(index, repositories));
  } catch (error) {
    if (isCacheError(error, 'index-unavailable')) return false;
    throw error;
  }
}

/** Looks through repositories in the store: what one finds is remembered, and requests of a moment share one. */
function createLooks(deps: StoredLinksDeps) {
  /** By path of the repository, as all of these. */
  const looked = new LRUCache<string, FoundLinks>({
    maxSize: maxRemembered,
    sizeCalculation: ({ links }) => Math.max(1, Math.min(links.size, maxRemembered)),
    ttl: rememberForMs,
    // What was read first decides.
    noUpdateTTL: true,
    ttlResolution: 0,
    perf: { now: deps.now },
  });
  const looking = new Map<string, Promise<FoundLinks>>();
  const pausing = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<FoundLinks>>();
  let purges = 0;

  async function look(key: RepositoryKey, path: string): Promise<FoundLinks> {
    const purgesBefore = purges;
    const before = looked.get(path);
    const found = { links: new Map(before?.links), manifests: new Set(before?.manifests) };
    try {
      await readInto(deps, found, key);
      return found;
    } finally {
      // What was read before the store failed is right, too.
      if (purges === purgesBefore) looked.set(path, found);
    }
  }

  /** What a look finds that begins after this call. */
  function lookAgain(key: RepositoryKey, path: string): Promise<FoundLinks> {
    const begin = async () => {
      try {
        await pausing.get(path);
      } finally {
        waiting.delete(path);
      }
      const found = look(key, path).finally(() => {
        if (looking.get(path) === found) looking.delete(path);
      });
      looking.set(path, found);
      // Whoever waits behind a look that fails has failed with it.
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
    const known = () => looked.get(path)?.links.get(digest);
    try {
      const link = known() ?? (await looking.get(path))?.links.get(digest);
      return link ?? (await lookAgain({ upstream, repository }, path)).links.get(digest);
    } catch (error) {
      const link = known();
      if (link === undefined) throw error;
      return link;
    }
  }

  return {
    forget(): void {
      purges += 1;
      looked.clear();
      looking.clear();
    },
    find,
  };
}

/**
 * Adds what the repository's links objects say to `found`, and to the index, but for those that were read before. It goes on past
 * objects that cannot be read, and then rejects as the first of them.
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
  if (added > 0) log.info({ ...key, manifests: added }, 'the links of a repository were read from the store');
  if (failures.length > 0) throw failures[0];
}
