// Manifests of the last minutes in memory, so that a hot tag costs neither an index nor a store call for its bytes.
// Content is keyed by digest, so an entry can never be wrong.
import type { UnsavedManifest } from '@cistern/jobs';
import type { Digest } from '@cistern/oci';
import { LRUCache } from 'lru-cache';

export interface CachedManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ManifestCache {
  get(digest: Digest): CachedManifest | undefined;
  set(digest: Digest, manifest: CachedManifest): void;
  drop(digest: Digest): void;
  clear(): void;
}

/** A manifest that the store did not take came with the answer that it was asked for by. */
export function takeUnsaved(manifests: ManifestCache, unsaved: UnsavedManifest | null): void {
  if (unsaved === null) return;
  const { digest, mediaType, bytesBase64 } = unsaved;
  manifests.set(digest, { mediaType, bytes: Buffer.from(bytesBase64, 'base64') });
}

/** Room for an object besides its bytes. */
const overheadBytes = 512;

export function createManifestCache(maxBytes: number): ManifestCache {
  const cache = new LRUCache<Digest, CachedManifest>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes.length + overheadBytes,
  });
  return {
    get: (digest) => cache.get(digest),
    set: (digest, manifest) => void cache.set(digest, manifest),
    drop: (digest) => void cache.delete(digest),
    clear: () => cache.clear(),
  };
}
