// The frontend's side of the cache, put together: use cases over the ports, with what this process shares between
// requests.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { JobQueue } from '@cistern/jobs';
import type { Logger, Metrics } from '@cistern/telemetry';
import { guardPullThrough } from './guards/guard-pull-through.ts';
import type { VerifyAccess } from './verification/verify-access.ts';
import { createRequestFromWorker } from './requests/request-from-worker.ts';
import { openBlob } from './blob/open-blob.ts';
import {
  createReadChecks,
  createRefreshParts,
  createContentCache,
  type CachedManifest,
  createStoredLinks,
} from '@cistern/content';
import { createReadMarks } from './blob/read-marks.ts';
import { blobFromMemory, type SmallBlobs } from './blob/small-blobs.ts';
import { type FillAccess, createFollowFill } from '@cistern/fills';
import type { PolicyOf } from './freshness/create-freshness-policies.ts';
import { createLists, type ListPolicy } from './lists/create-lists.ts';
import { createRecent } from '@cistern/runtime';
import { openManifest, statManifest } from './manifest/open-manifest.ts';
import { createPullTally } from './manifest/pull-tally.ts';
import { manifestFromMemory } from './manifest/manifest-from-memory.ts';
import { createRevalidateBehind } from './manifest/revalidate-behind.ts';
import { createTakeUnsaved } from './manifest/take-unsaved.ts';
import type { PullThrough } from './requests/pull-through.ts';
import { createBufferPool, type SharedReads, createSharedReads } from '@cistern/streams';
import { createFindDenial, guardPlatforms } from './guards/admit-platforms.ts';
import { createPlatformsOf } from './platforms/platforms-of.ts';

export interface PullThroughDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly queue: JobQueue;
  readonly fillAccess: FillAccess;
  readonly policyOf: PolicyOf;
  readonly listPolicyOf: (upstream: string) => ListPolicy;
  /** Asked of upstreams is nothing while they are. */
  readonly isOffline: (upstream: string) => boolean;
  /** The upstream that a registry:2 cache's files in the store came from. */
  readonly adoptAs: string | undefined;
  /** Upstreams that do not verify callers: see `OpenBlobDeps`. */
  readonly sharedUpstreams: readonly string[];
  /** Whether the catalog names an upstream's repositories. */
  readonly isListed: (upstream: string) => boolean;
  /** Of the others; absent: whoever asks is trusted with all of them. */
  readonly verifyAccess?: VerifyAccess | undefined;
  /** Clients may read stored blobs from the store itself, by URLs that are valid for so long. Default: they may not. */
  readonly presignForMs?: number | undefined;
  /** Told what to do after a purge: forget contents that are in memory. */
  readonly onPurge?: ((forget: () => void) => void) | undefined;
  readonly manifestCacheBytes?: number;
  readonly readBufferBytes?: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
}

const mebibyte = 1024 * 1024;
const smallBlobsBytes = 16 * mebibyte;
const maxNoManifests = 10_000;
const noManifestMs = 600_000;

export function createPullThrough(options: PullThroughDeps): PullThrough {
  const { metrics, readBufferBytes = 24 * mebibyte } = options;
  const pool = createBufferPool(readBufferBytes);
  return createUseCases({
    ...options,
    reads: createSharedReads({ pool, onCastOut: () => metrics.readersCastOut.inc() }),
  });
}

/** As `createPullThrough`, over reads that the caller can look into. */
export function createUseCases(options: PullThroughDeps & { readonly reads: SharedReads }): PullThrough {
  const { index, queue, log, now, isOffline, manifestCacheBytes = 64 * mebibyte } = options;
  const smallBlobs: SmallBlobs = createContentCache(smallBlobsBytes);
  const ask = createRequestFromWorker({ queue, isOffline, now });
  const storedLinks = createStoredLinks(options);
  const follow = createFollowFill({ index, queue, now });
  const manifests = createContentCache<CachedManifest>(manifestCacheBytes);
  const takeUnsaved = createTakeUnsaved({ manifests, log });
  const noManifests = createRecent<string, true>({ max: maxNoManifests, ttlMs: noManifestMs, now });
  const revalidateBehind = createRevalidateBehind({ queue, log, now });
  const readMarks = createReadMarks({ index, now });
  const refreshParts = createRefreshParts({ ...options, manifests });
  const findDenial = createFindDenial(createPlatformsOf(options));
  const readChecks = createReadChecks({ now });
  const pullTally = createPullTally({ index, refreshParts, now });
  const deps = {
    ...options,
    readChecks,
    readMarks,
    findDenial,
    refreshParts,
    pullTally,
    smallBlobs,
    ask,
    follow,
    manifests,
    takeUnsaved,
    noManifests,
    storedLinks,
    revalidateBehind,
  };
  const { forget: forgetLists, ...lists } = createLists(deps);
  options.onPurge?.(() => {
    manifests.clear();
    smallBlobs.clear();
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
