// A manifest as it lies here, for looking at what it names: nobody is given it, so nobody's rights are asked for.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { readHashed } from '../blob/read-hashed.ts';
import type { CachedManifest } from './manifest-cache.ts';
import { maxManifestBytes } from './max-manifest-bytes.ts';

/** `undefined`: it is not here, or not what its digest says, which is left to whoever reads it. */
export async function peekManifest(
  { index, store }: { readonly index: Pick<CacheIndex, 'manifests'>; readonly store: BlobStore },
  digest: Digest,
): Promise<CachedManifest | undefined> {
  const record = await index.manifests.get(digest);
  if (record === undefined) return undefined;
  const bytes = await readHashed(store, digest, maxManifestBytes);
  if (bytes === undefined || bytes === 'damaged') return undefined;
  return { mediaType: record.mediaType, bytes };
}
