// Says again and again of what is being read that it is, so that nothing is evicted under its readers, however slow they are.
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';

export interface ReadMarks {
  /** Until the returned function is called; it may be called again. */
  hold(digest: Digest): () => void;
}

export interface ReadMarksOptions {
  readonly index: Pick<CacheIndex, 'blobs'>;
  readonly now: () => number;
}

/** A few times within the grace that a victim has. */
const markEveryMs = 1_000;

export function createReadMarks({ index, now }: ReadMarksOptions): ReadMarks {
  const readers = new Map<Digest, number>();
  let timer: NodeJS.Timeout | undefined;

  function mark(): void {
    // An index that cannot be told evicts nothing meanwhile.
    for (const digest of readers.keys()) index.blobs.touch(digest, now()).catch(() => {});
  }

  function leave(digest: Digest): void {
    const left = (readers.get(digest) ?? 1) - 1;
    if (left > 0) readers.set(digest, left);
    else readers.delete(digest);
    if (readers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    hold(digest) {
      readers.set(digest, (readers.get(digest) ?? 0) + 1);
      timer ??= setInterval(mark, markEveryMs);
      let held = true;
      return () => {
        if (held) leave(digest);
        held = false;
      };
    },
  };
}
