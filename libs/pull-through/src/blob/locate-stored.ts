// Where a client may read a stored blob by itself. Nobody could mend its read on the way, so the store is asked first.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { OpenedBlob } from '../requests/pull-through.ts';

export interface LocateStoredDeps {
  readonly store: BlobStore;
  readonly presignForMs?: number | undefined;
}

/** `size`: of the verified blob. */
export function locateStored(
  { store, presignForMs }: LocateStoredDeps,
  digest: Digest,
  size: number,
): Pick<OpenedBlob, 'locate'> {
  if (presignForMs === undefined || store.presign === undefined) return {};
  const presign = store.presign;
  return {
    async locate() {
      try {
        if ((await store.stat(digest))?.size !== size) return undefined;
        return await presign(digest, { expiresMs: presignForMs });
      } catch (error) {
        if (isCacheError(error, 'store-unavailable')) return undefined;
        throw error;
      }
    },
  };
}
