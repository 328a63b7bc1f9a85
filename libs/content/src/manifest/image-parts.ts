// What an image is made of: its manifest, and whatever that names, as far down as the manifests are here.
import { type Digest, OciSyntaxError, parseStoredManifest } from '@cistern/oci';
import type { CachedManifest } from './manifest-cache.ts';

/** `undefined`: it is not here. */
type ReadManifest = (digest: Digest) => Promise<CachedManifest | undefined>;

/**
 * The digests under `digest`, without itself, up to `most`. An index that names itself, through others, comes to an end all the
 * same.
 */
export async function partsOf(
  digest: Digest,
  readManifest: ReadManifest,
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
