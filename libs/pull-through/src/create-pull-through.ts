// Composes the frontend's part of the cache: the use cases, and the state that the requests of this process share.
import type { BlobStore } from '@cistern/blob-store';
import {
  type CachedManifest,
  createContentCache,
  createReadChecks,
  createRefreshParts,
  createStoredLinks,
} from '@cistern/content';
import { createFollowFill, type FillAccess } from '@cistern/fills';
import type { CacheIndex, RepositoryKey } from '@cistern/index';
import type { JobQueue } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import { createBufferPool, createSharedReads, type SharedReads } from '@cistern/streams';
import type { Logger, Metrics } from '@cistern/telemetry';
import type { AccessSubject } from '@cistern/upstream';
import type { PlatformRule } from './access/authorized-repository.ts';
import { openBlob } from './blob/open-blob.ts';
import { blobFromMemory } from './blob/small-blobs.ts';
import type { PolicyOf } from './freshness/freshness.ts';
import { createLists, type ListPolicy } from './lists/create-lists.ts';
import { openManifest, statManifest } from './manifest/open-manifest.ts';
import { createPullTally, manifestFromMemory } from './manifest/manifest-from-memory.ts';
import { createRevalidateBehind } from './manifest/resolve-tag.ts';
import { createFindDenial, createPlatformsOf, type FindDenial } from './access/platforms-of.ts';
import type { ManifestRequest, PullRequest, PullThrough } from './requests/pull-through.ts';
import { createRequestFromWorker } from './requests/request-from-worker.ts';
import type { VerifyAccess } from './verification/verify-access.ts';

export interface PullThroughDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly queue: JobQueue;
  readonly fillAccess: FillAccess;
  readonly policyOf: PolicyOf;
  readonly listPolicyOf: (upstream: string) => ListPolicy;
  /** Returns whether the upstream is offline. An offline upstream gets no requests. */
  readonly isOffline: (upstream: string) => boolean;
  /**
   * The upstream from which a registry:2 cache fetched its files in this store. `undefined` means that such files are not
   * adopted.
   */
  readonly adoptAs: () => string | undefined;
  /** Returns the upstreams that do not verify callers. See `OpenBlobDeps`. */
  readonly sharedUpstreams: () => readonly string[];
  /** Returns whether the catalog lists the repositories of an upstream. */
  readonly isListed: (upstream: string) => boolean;
  /** Checks callers of the upstreams that verify them. Unset means that all callers may read all upstreams. */
  readonly verifyAccess?: VerifyAccess | undefined;
  /** How long URLs are valid at which clients read blobs directly from the store. Unset means that clients get no such URLs. */
  readonly presignForMs?: number | undefined;
  /**
   * Called with a function that removes all content from memory. The caller of `createPullThrough` must call that function
   * after each purge.
   */
  readonly onPurge?: ((forget: () => void) => void) | undefined;
  readonly manifestCacheBytes?: number;
  readonly readBufferBytes?: number;
  /** See `OpenStoredDeps`. */
  readonly leastSegmentBytes?: number | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
}

const mebibyte = 1024 * 1024;
const maxNoManifests = 10_000;
const noManifestMs = 600_000;
/** The number of remembered whole reads. Each takes about 150 bytes. */
const maxWholeReads = 16_384;
const repeatWithinMs = 60_000;

export function createPullThrough(options: PullThroughDeps): PullThrough {
  const { metrics, readBufferBytes = 24 * mebibyte } = options;
  const pool = createBufferPool(readBufferBytes);
  return createUseCases({
    ...options,
    reads: createSharedReads({ pool, onCastOut: () => metrics.readersCastOut.inc() }),
  });
}

/** Works like `createPullThrough`, with shared reads that the caller can inspect. */
export function createUseCases(options: PullThroughDeps & { readonly reads: SharedReads }): PullThrough {
  const { index, queue, log, now, isOffline, manifestCacheBytes = 64 * mebibyte } = options;
  const requestFromWorker = createRequestFromWorker({ queue, isOffline, now });
  const storedLinks = createStoredLinks(options);
  const follow = createFollowFill({ index, queue, now, canRead: options.fillAccess.canRead });
  const manifests = createContentCache<CachedManifest>(manifestCacheBytes);
  const noManifests = createRecent<string, true>({ max: maxNoManifests, ttlMs: noManifestMs, now });
  const wholeReads = createRecent<string, true>({ max: maxWholeReads, ttlMs: repeatWithinMs, now });
  const revalidateBehind = createRevalidateBehind({ queue, log, now });
  const refreshParts = createRefreshParts({ ...options, manifests });
  const findDenial = createFindDenial(createPlatformsOf(options));
  const readChecks = createReadChecks({ now });
  const pullTally = createPullTally({ index, refreshParts, now });
  const deps = {
    ...options,
    readChecks,
    findDenial,
    refreshParts,
    pullTally,
    wholeReads,
    requestFromWorker,
    follow,
    manifests,
    noManifests,
    storedLinks,
    revalidateBehind,
  };
  const { forget: forgetLists, ...lists } = createLists(deps);
  options.onPurge?.(() => {
    manifests.clear();
    readChecks.pieces.clear();
    storedLinks.forget();
    forgetLists();
  });
  const useCases: PullThrough = {
    manifestFromMemory: (request, want) => manifestFromMemory(deps, request, want),
    statManifest: (request) => statManifest(deps, request),
    openManifest: (request) => openManifest(deps, request),
    blobFromMemory: (request) => blobFromMemory(deps, request),
    openBlob: (request) => openBlob(deps, request),
    ...lists,
    async listRepositories(page) {
      const keys = await index.links.repositories(page);
      return keys.map(({ upstream, repository }) => `${upstream}/${repository}`);
    },
  };
  const cache = guardPlatforms(useCases, findDenial);
  const { verifyAccess, isListed } = options;
  return verifyAccess === undefined ? cache : guardPullThrough(cache, verifyAccess, isListed);
}

/**
 * Wraps the use cases for clients that may pull only some platforms. The platform of a manifest or blob comes from the image
 * indexes that list it (decision 0035). Requests without a platform rule are not checked.
 */
function guardPlatforms(cache: PullThrough, findDenial: FindDenial): PullThrough {
  async function admit(key: RepositoryKey, digest: Digest, rule: PlatformRule): Promise<void> {
    const denial = await findDenial(key, digest, rule);
    if (denial !== undefined) throw denial;
  }

  /**
   * Checks a request by digest before the use case, and a request by tag after it, because only then the tag's digest is known.
   */
  function ofManifest<R extends { readonly digest: Digest }>(open: (request: ManifestRequest) => Promise<R>) {
    return async (request: ManifestRequest): Promise<R> => {
      const { target, reference } = request;
      const { platformRule: rule } = target;
      if (rule === undefined) return open(request);
      if (reference.kind === 'digest') await admit(target, reference.digest, rule);
      const opened = await open(request);
      if (reference.kind === 'tag') await admit(target, opened.digest, rule);
      return opened;
    };
  }

  return {
    ...cache,
    manifestFromMemory: (request, want) =>
      request.target.platformRule === undefined ? cache.manifestFromMemory(request, want) : undefined,
    blobFromMemory: (request) =>
      request.target.platformRule === undefined ? cache.blobFromMemory(request) : undefined,
    statManifest: ofManifest(cache.statManifest),
    openManifest: ofManifest(cache.openManifest),
    async openBlob(request) {
      const { target, digest } = request;
      if (target.platformRule !== undefined) await admit(target, digest, target.platformRule);
      return cache.openBlob(request);
    },
  };
}

/**
 * Wraps the use cases for upstreams that verify callers. The wrapped use case runs only after the caller is authorized, and
 * does not get the credentials. `isListed` returns whether all clients may see the names of an upstream's repositories.
 */
function guardPullThrough(
  cache: PullThrough,
  verify: VerifyAccess,
  isListed: (upstream: string) => boolean,
): PullThrough {
  const isOpen = ({ target: { caller, upstream } }: PullRequest) => caller === undefined && isListed(upstream);

  function admitted<R extends PullRequest, T>(
    use: (request: R) => Promise<T>,
    subjectOf: (request: R) => AccessSubject,
  ) {
    return async (request: R): Promise<T> => {
      const { target, signal } = request;
      if (isOpen(request)) return use(request);
      const { upstream, repository, caller, network } = target;
      await verify({ upstream, repository, subject: subjectOf(request), caller, network, signal });
      return use({ ...request, target: target.withoutCaller() });
    };
  }

  return {
    // Only an asynchronous check can authorize a caller, so other content is not served from memory.
    manifestFromMemory: (request, want) => (isOpen(request) ? cache.manifestFromMemory(request, want) : undefined),
    blobFromMemory: (request) => (isOpen(request) ? cache.blobFromMemory(request) : undefined),
    statManifest: admitted(cache.statManifest, manifestOf),
    openManifest: admitted(cache.openManifest, manifestOf),
    openBlob: admitted(cache.openBlob, ({ digest }) => ({ kind: 'blob', digest })),
    listTags: admitted(cache.listTags, () => ({ kind: 'tags' })),
    listReferrers: admitted(cache.listReferrers, ({ digest }) => ({
      kind: 'manifest',
      reference: { kind: 'digest', digest },
    })),
    async listRepositories({ after, limit }) {
      const listed: string[] = [];
      for (let last = after; listed.length < limit;) {
        const page = await cache.listRepositories({ limit, ...(last !== undefined && { after: last }) });
        listed.push(...page.filter((path) => isListed(path.slice(0, path.indexOf('/')))));
        if (page.length < limit) break;
        last = page.at(-1);
      }
      return listed.slice(0, limit);
    },
  };
}

function manifestOf({ reference }: ManifestRequest): AccessSubject {
  return { kind: 'manifest', reference };
}
