// Caches the bytes of recently used content in memory, mainly manifests, so that popular content is not read from the store
// again. The key is the digest, so an entry never becomes outdated.
import type { Digest } from '@cistern/oci';
import { LRUCache } from 'lru-cache';

export type ContentCache<T extends { readonly bytes: Buffer }> = LRUCache<Digest, T>;

export interface CachedManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export type ManifestCache = ContentCache<CachedManifest>;

/** The memory that an entry takes in addition to its bytes. */
const overheadBytes = 512;

export function createContentCache<T extends { readonly bytes: Buffer }>(maxBytes: number): ContentCache<T> {
  return new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes.length + overheadBytes });
}
