// Finds out whether a cached tag has content: of an image index, at least one platform. A client that only asks for a
// digest, or for another platform, makes the cache store an index alone.
import type { BlobStore } from '@cistern/blob-store';
import { peekManifest } from '@cistern/content';
import { isCacheError } from '@cistern/errors';
import type { CacheIndex } from '@cistern/index';
import { type Digest, isIndexMediaType, type Manifest, OciSyntaxError, parseStoredManifest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';

interface ContentDeps {
  readonly index: Pick<CacheIndex, 'manifests' | 'blobs'>;
  readonly store: BlobStore;
}

/** How many indexes are remembered, and for how long. An index never changes, so the time only bounds the memory. */
const remembered = { max: 5_000, ttlMs: 3_600_000 };

/**
 * Returns a function that resolves to whether the manifest has cached content. Everything but an index counts as content. So does
 * an index that the store cannot return now. Rejects with `index-unavailable`.
 */
export function createContentFinder(
  { index, store }: ContentDeps,
  now: () => number,
): (manifest: { readonly digest: Digest; readonly mediaType: string }) => Promise<boolean> {
  const known = createRecent<Digest, readonly Digest[]>({ ...remembered, now });

  async function platformsOf(digest: Digest): Promise<readonly Digest[]> {
    const before = known.get(digest);
    if (before !== undefined) return before;
    const peeked = await peekManifest({ index, store }, digest);
    if (peeked === undefined) return [];
    const platforms = platformDigests(parseStoredManifest(peeked.bytes, peeked.mediaType));
    known.set(digest, platforms);
    return platforms;
  }

  return async ({ digest, mediaType }) => {
    if (!isIndexMediaType(mediaType)) return true;
    try {
      for (const platform of await platformsOf(digest)) if (await isStored(index, platform)) return true;
      return false;
    } catch (error) {
      if (error instanceof OciSyntaxError || isCacheError(error, 'store-unavailable')) return true;
      throw error;
    }
  };
}

/** Returns the manifests of an index that are images. Attestations have an unknown platform, and no client pulls them. */
export function platformDigests({ children }: Pick<Manifest, 'children'>): Digest[] {
  return children
    .filter(({ role, platform }) => role === 'manifest' && platform?.os !== 'unknown')
    .map(({ digest }) => digest);
}

export async function isStored({ blobs }: Pick<CacheIndex, 'blobs'>, digest: Digest): Promise<boolean> {
  const record = await blobs.get(digest);
  return record !== undefined && record.state !== 'deleting';
}
