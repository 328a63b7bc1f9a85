// Wraps the store of a process and checks each commit when it resolves: by then the whole blob must be in the store.
// Commits and aborts are also reported when they begin.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { type Owner, currentOwner } from '../world/owner.ts';
import type { StoredBlobs } from './stored-blobs.ts';

/** Describes that a process begins to make a blob visible or to abort an upload. */
export interface Ending {
  readonly kind: 'commit' | 'abort';
  readonly digest: Digest;
  readonly uploadId: string | undefined;
  readonly owner: Owner | undefined;
}

export interface CommitEvents {
  /**
   * Reports for each resolved commit whether the blob is in the store. A blob that was stored and lost after the first
   * attempt began counts as stored.
   */
  onCommitted(digest: Digest, isThere: boolean): void;
  onEnding?(ending: Ending): void;
}

/**
 * Wraps the store. If an adopted file is committed a second time, losses of its blob are counted from the first
 * attempt.
 */
export function watchCommits(store: BlobStore, stored: StoredBlobs, events: CommitEvents): BlobStore {
  const report = (kind: Ending['kind'], digest: Digest, uploadId?: string) =>
    events.onEnding?.({ kind, digest, uploadId, owner: currentOwner() });
  const commit = async (digest: Digest, before: number, work: () => Promise<void>) => {
    await work();
    events.onCommitted(digest, stored.lossesOf(digest) > before || stored.isWhole(digest));
  };
  /** Losses at the first attempt, by path. */
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
