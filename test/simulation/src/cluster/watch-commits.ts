// A store as a process uses it, whose commits are looked at when they resolve: by then the blob must be there and whole.
import type { BlobStore, BlobWriter } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { StoredBlobs } from './stored-blobs.ts';

/** `onCommitted` hears of each commit that resolved whether the blob was there. One that was lost since it began counts as there. */
export function watchCommits(
  store: BlobStore,
  stored: StoredBlobs,
  onCommitted: (digest: Digest, isThere: boolean) => void,
): BlobStore {
  const commit = async (digest: Digest, work: () => Promise<void>) => {
    const before = stored.lossesOf(digest);
    await work();
    onCommitted(digest, stored.lossesOf(digest) > before || stored.isWhole(digest));
  };
  const watched = (digest: Digest, writer: BlobWriter): BlobWriter => ({
    append: writer.append,
    abort: writer.abort,
    commit: () => commit(digest, writer.commit),
  });
  const { adoptFile } = store;
  return {
    ...store,
    begin: async (digest) => watched(digest, await store.begin(digest)),
    ...(adoptFile && { adoptFile: (digest, path) => commit(digest, () => adoptFile(digest, path)) }),
  };
}
