// Contents of the last minutes in memory, manifests above all, so that what is hot costs neither an index nor a store call for its
// bytes. They are keyed by digest, so an entry can never be wrong.
import type { Digest } from '@cistern/oci';
import { LRUCache } from 'lru-cache';

export type ContentCache<T extends { readonly bytes: Buffer }> = LRUCache<Digest, T>;

export interface CachedManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export type ManifestCache = ContentCache<CachedManifest>;

/** Room for an object besides its bytes. */
const overheadBytes = 512;

export function createContentCache<T extends { readonly bytes: Buffer }>(maxBytes: number): ContentCache<T> {
  return new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes.length + overheadBytes });
}
