// A store as a process uses it, whose commits are looked at when they resolve: by then the blob must be there and whole. Commits
// and aborts are also reported when they begin.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { type Owner, currentOwner } from '../world/owner.ts';
import type { StoredBlobs } from './stored-blobs.ts';

/** A process begins to make a blob visible, or to drop an upload. */
export interface Ending {
  readonly kind: 'commit' | 'abort';
  readonly digest: Digest;
  readonly uploadId: string | undefined;
  readonly owner: Owner | undefined;
}

export interface CommitEvents {
  /** Hears of each commit that resolved whether the blob was there. A blob that was lost since the first try counts as there. */
  onCommitted(digest: Digest, isThere: boolean): void;
  onEnding?(ending: Ending): void;
}

/** A second try of a commit need not look at a file that the first one put into its place. */
export function watchCommits(store: BlobStore, stored: StoredBlobs, events: CommitEvents): BlobStore {
  const report = (kind: Ending['kind'], digest: Digest, uploadId?: string) =>
    events.onEnding?.({ kind, digest, uploadId, owner: currentOwner() });
  const commit = async (digest: Digest, before: number, work: () => Promise<void>) => {
    await work();
    events.onCommitted(digest, stored.lossesOf(digest) > before || stored.isWhole(digest));
  };
  /** Losses at the first try, by path. */
  const adopting = new Map<string, number>();
  const { adoptFile } = store;
  return {
    ...store,
    async put(digest, ...args) {
      report('commit', digest);
      await commit(digest, stored.lossesOf(digest), () => store.put(digest, ...args));
    },
    async beginUpload(digest, options) {
      const upload = await store.beginUpload(digest, options);
      return {
        ...upload,
        async complete() {
          report('commit', digest, upload.id);
          await commit(digest, stored.lossesOf(digest), upload.complete);
        },
        async abort() {
          report('abort', digest, upload.id);
          await upload.abort();
        },
      };
    },
    ...(adoptFile && {
      async adoptFile(digest, path) {
        const before = adopting.get(path) ?? stored.lossesOf(digest);
        adopting.set(path, before);
        report('commit', digest);
        await commit(digest, before, () => adoptFile(digest, path));
        adopting.delete(path);
      },
    }),
  };
}
