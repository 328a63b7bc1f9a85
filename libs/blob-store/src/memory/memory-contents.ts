// What a memory store holds, apart from the store itself: tests look inside, damage it, share it between two stores.
import type { Digest } from '@cistern/oci';

export interface MemoryContents {
  readonly blobs: Map<Digest, { readonly bytes: Uint8Array; readonly modifiedAtMs: number }>;
  readonly objects: Map<string, Uint8Array>;
  /** While true every call and every read rejects with `store-unavailable`, as if the disk or server were gone. */
  failing: boolean;
}

export function createMemoryContents(): MemoryContents {
  return { blobs: new Map(), objects: new Map(), failing: false };
}
