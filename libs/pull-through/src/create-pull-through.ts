// The frontend's side of the cache, put together: use cases over the ports, with what this process shares between
// requests.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/cache-index';
import type { JobQueue } from '@cistern/jobs';
import type { Logger, Metrics } from '@cistern/telemetry';
import { createAsk } from './ask.ts';
import { openBlob } from './blob/open-blob.ts';
import type { FillAccess } from './fill/fill-access.ts';
import { createFollowFill } from './fill/follow-fill.ts';
import type { FreshnessPolicy } from './manifest/freshness.ts';
import { createManifestCache } from './manifest/manifest-cache.ts';
import { openManifest, statManifest } from './manifest/open-manifest.ts';
import type { PullThrough } from './pull-through.ts';
import { createBufferPool } from './read/buffer-pool.ts';
import { type SharedReads, createSharedReads } from './read/shared-reads.ts';
import { createStoredLinks } from './stored-links.ts';

export interface PullThroughDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly queue: JobQueue;
  readonly fillAccess: FillAccess;
  readonly policyOf: (upstream: string) => FreshnessPolicy;
  /** The upstream that a registry:2 cache's files in the store came from. */
  readonly adoptAs: string | undefined;
  readonly sharedUpstreams: readonly string[];
  /** Clients may read stored blobs from the store itself, by URLs that are valid for so long. Default: they may not. */
  readonly presignForMs?: number | undefined;
  readonly manifestCacheBytes?: number;
  readonly readBufferBytes?: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
}

const mebibyte = 1024 * 1024;

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
  const { index, queue, now, manifestCacheBytes = 64 * mebibyte } = options;
  const ask = createAsk({ queue, now });
  const storedLinks = createStoredLinks(options);
  const follow = createFollowFill({ index, queue, now });
  const deps = { ...options, ask, follow, manifests: createManifestCache(manifestCacheBytes), storedLinks };
  return {
    statManifest: (request) => statManifest(deps, request),
    openManifest: (request) => openManifest(deps, request),
    openBlob: (request) => openBlob(deps, request),
    async listTags({ signal, ...request }) {
      const subject = JSON.stringify([request.n, request.last]);
      return (await ask('fetch-tags', request, { subject, signal })).result;
    },
    async listReferrers({ signal, ...request }) {
      const subject = JSON.stringify([request.digest, request.artifactType, request.nextQuery]);
      return (await ask('fetch-referrers', request, { subject, signal })).result;
    },
    async listRepositories(page) {
      const keys = await index.links.repositories(page);
      return keys.map(({ upstream, repository }) => `${upstream}/${repository}`);
    },
  };
}
