// Deletions of a single process: one of a digest at a time, while nobody fetches it.
import type { Digest } from '@cistern/oci';
import type { BlobTable } from './blob-table.ts';

export interface DeletionsOptions {
  readonly now: () => number;
  readonly blobs: BlobTable;
}

/** As the methods of `FillIndex`, each one step. */
export interface Deletions {
  begin(digest: Digest, owner: string, leaseMs: number): boolean;
  end(digest: Digest, owner: string): boolean;
  /** When to look again; 0: the blob is not being deleted. */
  endInMs(digest: Digest): number;
}

const lookAgainMs = 100;

export function createDeletions({ now, blobs }: DeletionsOptions): Deletions {
  const deletions = new Map<Digest, { readonly owner: string; readonly untilMs: number }>();

  // A record that was put or removed since then is no longer the deletion's to end.
  blobs.onReplaced((digest) => deletions.delete(digest));

  return {
    begin(digest, owner, leaseMs) {
      const blob = blobs.get(digest);
      if (blob === undefined || blob.state === 'present') return false;
      const deletion = deletions.get(digest);
      if (deletion !== undefined && deletion.owner !== owner && deletion.untilMs > now()) return false;
      blobs.put({ ...blob, state: 'deleting' });
      deletions.set(digest, { owner, untilMs: now() + leaseMs });
      return true;
    },
    end(digest, owner) {
      return deletions.get(digest)?.owner === owner && blobs.remove(digest);
    },
    endInMs(digest) {
      const { untilMs = 0 } = deletions.get(digest) ?? {};
      return Math.max(0, Math.min(lookAgainMs, untilMs - now()));
    },
  };
}
