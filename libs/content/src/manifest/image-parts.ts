// Finds the parts of an image: all digests that its manifest lists, recursively as far as manifests are cached. A pull of an image
// keeps its parts from eviction.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type Digest, maxManifestBytes, maxManifestChildren, OciSyntaxError, parseStoredManifest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import { readHashed } from '../blob/hash-stored.ts';
import type { IndexAndStore } from '../blob/stored-blob.ts';
import type { CachedManifest, ManifestCache } from '../objects/content-cache.ts';

/** Refreshes the parts of an image in the background. Never throws. */
export type RefreshParts = (digest: Digest) => void;

interface RefreshPartsOptions extends IndexAndStore {
  readonly manifests: ManifestCache;
  readonly log: Logger;
  readonly now: () => number;
}

/** Parts are refreshed once in this time, each time for the same time ahead. */
const refreshEveryMs = 60_000;
const maxImages = 10_000;
/** An index of indexes may have more parts. The rest is kept only by its own pulls. */
const maxParts = 5 * maxManifestChildren;

/**
 * Returns the digests under `digest`, without itself, at most `most`. Cycles of indexes are handled. `readManifest` resolves to
 * `undefined` for a manifest that is not cached.
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
 * Reads a stored manifest for its children. No client gets it, so it checks no access. Resolves to `undefined` if the manifest is
 * not stored or does not match its digest; the next reader handles that.
 */
export async function peekManifest(
  { index, store }: { readonly index: Pick<CacheIndex, 'manifests' | 'blobs'>; readonly store: BlobStore },
  digest: Digest,
): Promise<CachedManifest | undefined> {
  const record = await index.manifests.get(digest);
  // After a rebuild that could not read its links object, only the blob's record exists.
  if (record === undefined && (await index.blobs.get(digest)) === undefined) return undefined;
  const { bytes } = await readHashed(store, digest, maxManifestBytes);
  return bytes && { mediaType: record?.mediaType ?? '', bytes };
}

/**
 * Touches all parts of a pulled image. Most clients have most layers and request only the manifest, so layers would look unused.
 * With this, parts are never older than their image. Manifests are evicted before their blobs, and a shared blob with its last
 * image.
 */
export function createRefreshParts({ index, store, manifests, log, now }: RefreshPartsOptions): RefreshParts {
  const refreshed = createRecent<Digest, true>({ max: maxImages, ttlMs: refreshEveryMs, now });

  /** Drops a manifest that is only in the memory of this process. The next pull stores it again for all nodes. */
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
