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

  /** One whose record is there in another state was undone by a write. */
  function find(digest: Digest) {
    if (blobs.get(digest)?.state !== 'deleting') deletions.delete(digest);
    return deletions.get(digest);
  }

  return {
    begin(digest, owner, leaseMs) {
      const blob = blobs.get(digest);
      if (blob === undefined || blob.state === 'present') return false;
      const deletion = find(digest);
      if (deletion !== undefined && deletion.owner !== owner && deletion.untilMs > now()) return false;
      blobs.put({ ...blob, state: 'deleting' });
      deletions.set(digest, { owner, untilMs: now() + leaseMs });
      return true;
    },
    end(digest, owner) {
      if (find(digest)?.owner !== owner) return false;
      deletions.delete(digest);
      return blobs.remove(digest);
    },
    endInMs(digest) {
      const { untilMs = 0 } = find(digest) ?? {};
      return Math.max(0, Math.min(lookAgainMs, untilMs - now()));
    },
  };
}
