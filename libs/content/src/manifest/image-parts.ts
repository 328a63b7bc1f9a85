// Finds the parts of an image: all digests that its manifest lists, and those that listed manifests list, as far as these are
// cached. A pull of an image protects its parts from eviction.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type Digest, maxManifestBytes, maxManifestChildren, OciSyntaxError, parseStoredManifest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import { readHashed } from '../blob/hash-stored.ts';
import type { IndexAndStore } from '../blob/stored-blob.ts';
import type { CachedManifest, ManifestCache } from '../objects/content-cache.ts';

/** Marks the parts of an image as used, in the background. Never throws. */
export type RefreshParts = (digest: Digest) => void;

interface RefreshPartsOptions extends IndexAndStore {
  readonly manifests: ManifestCache;
  readonly log: Logger;
  readonly now: () => number;
}

/** The parts of an image are marked at most one time in this period. The mark is set to the end of the period. */
const refreshEveryMs = 60_000;
const maxImages = 10_000;
/** The most parts that are marked. An image index of image indexes may have more parts. Only their own pulls protect those. */
const maxParts = 5 * maxManifestChildren;

/**
 * Resolves to the parts of the image `digest`, at most `most`, without `digest` itself. Image indexes that list each other
 * cause no endless loop. `readManifest` resolves to `undefined` for a manifest that is not cached.
 */
export async function partsOf(
  digest: Digest,
  readManifest: (digest: Digest) => Promise<CachedManifest | undefined>,
  most = Infinity,
): Promise<ReadonlySet<Digest>> {
  const parts = new Set<Digest>();
  const manifests = [digest];
  for (let next = manifests.pop(); next !== undefined; next = manifests.pop()) {
    const manifest = await readManifest(next);
    if (manifest === undefined) continue;
    for (const child of childrenOf(manifest)) {
      if (parts.has(child.digest) || child.digest === digest) continue;
      if (parts.size >= most) return parts;
      parts.add(child.digest);
      if (child.role === 'manifest') manifests.push(child.digest);
    }
  }
  return parts;
}

function childrenOf({ mediaType, bytes }: CachedManifest) {
  try {
    return parseStoredManifest(bytes, mediaType).children;
  } catch (error) {
    if (error instanceof OciSyntaxError) return [];
    throw error;
  }
}

/**
 * Reads a stored manifest to find its children. No access is checked, because no client gets the bytes. Resolves to `undefined`
 * if the manifest is not stored or does not match its digest. A damaged manifest is left to the next reader.
 */
export async function peekManifest(
  { index, store }: { readonly index: Pick<CacheIndex, 'manifests' | 'blobs'>; readonly store: BlobStore },
  digest: Digest,
): Promise<CachedManifest | undefined> {
  const record = await index.manifests.get(digest);
  // Also check the blob's record, because only that exists if a rebuild of the index could not read the links object.
  if (record === undefined && (await index.blobs.get(digest)) === undefined) return undefined;
  const { bytes } = await readHashed(store, digest, maxManifestBytes);
  return bytes && { mediaType: record?.mediaType ?? '', bytes };
}

/**
 * Creates the function that marks all parts of a pulled image as used. Most clients already have most layers and request only
 * the manifest, so without the marks layers would look unused. With them, parts never look older than their image. So manifests
 * are evicted before their blobs, and a shared blob is evicted with its last image.
 */
export function createRefreshParts({ index, store, manifests, log, now }: RefreshPartsOptions): RefreshParts {
  const refreshed = createRecent<Digest, true>({ max: maxImages, ttlMs: refreshEveryMs, now });

  /**
   * Removes a manifest from memory if it is no longer in the index and the store. The next pull stores it again for all nodes.
   */
  async function dropEvicted(digest: Digest): Promise<void> {
    if (manifests.get(digest) === undefined || (await index.manifests.get(digest)) !== undefined) return;
    if ((await index.epoch.isComplete()) && (await store.stat(digest)) === undefined) manifests.delete(digest);
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
    if (refreshed.has(digest)) return;
    refreshed.set(digest, true);
    refresh(digest).catch((error: unknown) => {
      refreshed.delete(digest);
      if (!isCacheError(error, 'index-unavailable', 'store-unavailable'))
        log.error({ err: error, digest }, 'failed to refresh last pull of image parts');
    });
  };
}
