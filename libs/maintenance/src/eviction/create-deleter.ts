// Deletions that come to an end: one that an index or a store has interrupted is gone on with, so that what is counted is what
// is there.
import { randomUUID } from 'node:crypto';
import type { Digest } from '@cistern/oci';
import { deleteBlob, forgetMissing, type IndexAndStore } from '@cistern/content';

export type Deleter = ReturnType<typeof createDeleter>;

export function createDeleter(deps: IndexAndStore) {
  /** Always the same, so that what was interrupted is still ours. */
  const owner = randomUUID();
  const interrupted = new Set<Digest>();
  return {
    /** As `deleteBlob`. */
    async remove(digest: Digest): Promise<boolean> {
      interrupted.add(digest);
      const isDeleted = await deleteBlob(deps, digest, owner);
      interrupted.delete(digest);
      return isDeleted;
    },
    /** Ends what was interrupted. Rejects as `deleteBlob`; the next call goes on. */
    async finish(): Promise<void> {
      for (const digest of interrupted) {
        if (!(await deleteBlob(deps, digest, owner))) await forgetMissing(deps, digest);
        interrupted.delete(digest);
      }
    },
  };
}
