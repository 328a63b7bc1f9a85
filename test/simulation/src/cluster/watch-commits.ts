// A store as a process uses it, whose commits are looked at when they resolve: by then the blob must be there and whole.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { StoredBlobs } from './stored-blobs.ts';

/**
 * `onCommitted` hears of each commit that resolved whether the blob was there. A blob that was lost since the first try counts as
 * there. A second try need not look at a file that the first one put into its place.
 */
export function watchCommits(
  store: BlobStore,
  stored: StoredBlobs,
  onCommitted: (digest: Digest, isThere: boolean) => void,
): BlobStore {
  const commit = async (digest: Digest, before: number, work: () => Promise<void>) => {
    await work();
    onCommitted(digest, stored.lossesOf(digest) > before || stored.isWhole(digest));
  };
  /** Losses at the first try, by path. */
  const adopting = new Map<string, number>();
  const { adoptFile } = store;
  return {
    ...store,
    put: (digest, ...args) => commit(digest, stored.lossesOf(digest), () => store.put(digest, ...args)),
    async beginUpload(digest, options) {
      const upload = await store.beginUpload(digest, options);
      return { ...upload, complete: () => commit(digest, stored.lossesOf(digest), upload.complete) };
    },
    ...(adoptFile && {
      async adoptFile(digest, path) {
        const before = adopting.get(path) ?? stored.lossesOf(digest);
        adopting.set(path, before);
        await commit(digest, before, () => adoptFile(digest, path));
        adopting.delete(path);
      },
    }),
  };
}
