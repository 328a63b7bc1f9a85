// An image that is pulled keeps its parts. Most clients have most layers already and ask for the manifest alone: by their own
// pulls layers would look forgotten that every new client needs. Since parts are never older than what names them,
// manifests are evicted before their blobs, and a shared blob when the last image that names it is.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type Digest, maxManifestChildren } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { createRecent } from '@cistern/runtime';
import type { CachedManifest, ManifestCache } from './manifest-cache.ts';
import { partsOf } from './image-parts.ts';
import { peekManifest } from './peek-manifest.ts';

/** Behind the answer; never throws. */
export type RefreshParts = (digest: Digest) => void;

export interface RefreshPartsOptions {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly manifests: ManifestCache;
  readonly log: Logger;
  readonly now: () => number;
}

/** Parts are refreshed once in this time, and for this time ahead. */
const refreshEveryMs = 60_000;
const maxImages = 10_000;
/** An index of indexes may have more: the rest lives by its own pulls. */
const maxParts = 5 * maxManifestChildren;

export function createRefreshParts({ index, store, manifests, log, now }: RefreshPartsOptions): RefreshParts {
  const lately = createRecent<Digest, true>({ max: maxImages, ttlMs: refreshEveryMs, now });

  /** What only this process has left, the next one to pull it is to bring back for all. */
  async function dropEvicted(digest: Digest): Promise<void> {
    if (manifests.get(digest) === undefined || (await index.manifests.get(digest)) !== undefined) return;
    if ((await index.epoch.isComplete()) && (await store.stat(digest)) === undefined) manifests.drop(digest);
  }

  async function read(part: Digest): Promise<CachedManifest | undefined> {
    return manifests.get(part) ?? peekManifest({ index, store }, part);
  }

  async function refresh(digest: Digest): Promise<void> {
    await dropEvicted(digest);
    const parts = await partsOf(digest, read, maxParts);
    const untilMs = now() + refreshEveryMs;
    for (const part of parts) await index.blobs.touch(part, untilMs);
  }

  return (digest) => {
    if (lately.has(digest)) return;
    lately.set(digest, true);
    refresh(digest).catch((error: unknown) => {
      lately.delete(digest);
      if (!isCacheError(error, 'index-unavailable', 'store-unavailable'))
        log.error({ err: error, digest }, 'the parts of an image could not be refreshed');
    });
  };
}
