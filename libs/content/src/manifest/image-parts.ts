// The parts of an image: its manifest, and all that it names, as far down as the manifests are cached. An image that is pulled
// keeps its parts.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type Digest, maxManifestBytes, maxManifestChildren, OciSyntaxError, parseStoredManifest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import { readHashed } from '../blob/hash-stored.ts';
import type { IndexAndStore } from '../blob/stored-blob.ts';
import type { CachedManifest, ManifestCache } from '../objects/content-cache.ts';

/** Behind the answer; never throws. */
export type RefreshParts = (digest: Digest) => void;

interface RefreshPartsOptions extends IndexAndStore {
  readonly manifests: ManifestCache;
  readonly log: Logger;
  readonly now: () => number;
}

/** Parts are refreshed once in this time, and for this time ahead. */
const refreshEveryMs = 60_000;
const maxImages = 10_000;
/** An index of indexes may have more: the rest lives by its own pulls. */
const maxParts = 5 * maxManifestChildren;

/**
 * The digests under `digest`, without itself, up to `most`. An index that names itself, through others, comes to an end all the
 * same. `readManifest` resolves to `undefined` for one that is not here.
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
 * A stored manifest, for a look at its children: no client gets it, so no rights are checked. `undefined`: it is
 * not here, or not what its digest says, which is left to the next reader.
 */
export async function peekManifest(
  { index, store }: { readonly index: Pick<CacheIndex, 'manifests' | 'blobs'>; readonly store: BlobStore },
  digest: Digest,
): Promise<CachedManifest | undefined> {
  const record = await index.manifests.get(digest);
  // A rebuild that could not read its links object knows its bytes alone.
  if (record === undefined && (await index.blobs.get(digest)) === undefined) return undefined;
  const { bytes } = await readHashed(store, digest, maxManifestBytes);
  return bytes && { mediaType: record?.mediaType ?? '', bytes };
}

/**
 * Most clients have most layers already and ask for the manifest alone: by their own pulls layers would look forgotten that every
 * new client needs. So parts are never older than the image that names them. Manifests are evicted before their blobs, and a
 * shared blob when the last image that names it is.
 */
export function createRefreshParts({ index, store, manifests, log, now }: RefreshPartsOptions): RefreshParts {
  const lately = createRecent<Digest, true>({ max: maxImages, ttlMs: refreshEveryMs, now });

  /** A manifest that only this process has left is dropped: the next pull brings it back for all. */
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
    if (lately.has(digest)) return;
    lately.set(digest, true);
    refresh(digest).catch((error: unknown) => {
      lately.delete(digest);
      if (!isCacheError(error, 'index-unavailable', 'store-unavailable'))
        log.error({ err: error, digest }, 'the parts of an image could not be refreshed');
    });
  };
}
