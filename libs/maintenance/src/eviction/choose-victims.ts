// Which blobs go, and in which order: those first that nobody has pulled for longest. By their own order manifests come before
// their blobs, since whoever pulls an image refreshes its parts.
import type { BlobRecord, CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';

export interface ChooseVictimsDeps {
  readonly index: Pick<CacheIndex, 'blobs'>;
  readonly now: () => number;
  /** Clients may go on reading what was pulled within this time without anybody here knowing: it stays. */
  readonly spareMs: number;
}

/** Ends where nothing more may go. */
export async function* chooseVictims(
  { index, now, spareMs }: ChooseVictimsDeps,
  pinned: () => ReadonlySet<Digest>,
): AsyncGenerator<BlobRecord> {
  for await (const record of index.blobs.leastRecent()) {
    if (record.lastPulledAtMs > now() - spareMs) return;
    if (!pinned().has(record.digest)) yield record;
  }
}
