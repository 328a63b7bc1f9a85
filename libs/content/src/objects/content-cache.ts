// Contents of the last minutes in memory, so that what is hot costs neither an index nor a store call for its bytes. They are
// keyed by digest, so an entry can never be wrong.
import type { Digest } from '@cistern/oci';
import { LRUCache } from 'lru-cache';

export interface ContentCache<T extends { readonly bytes: Buffer }> {
  get(digest: Digest): T | undefined;
  set(digest: Digest, content: T): void;
  drop(digest: Digest): void;
  clear(): void;
}

/** Room for an object besides its bytes. */
const overheadBytes = 512;

export function createContentCache<T extends { readonly bytes: Buffer }>(maxBytes: number): ContentCache<T> {
  const cache = new LRUCache<Digest, T>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes.length + overheadBytes,
  });
  return {
    get: (digest) => cache.get(digest),
    set: (digest, content) => void cache.set(digest, content),
    drop: (digest) => void cache.delete(digest),
    clear: () => cache.clear(),
  };
}
