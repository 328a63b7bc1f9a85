// Aborts uploads that dead workers left unfinished in the store and that no other worker resumed. Every worker has a
// sweeper, and a lease chooses the one that sweeps.
import type { BlobStore } from '@cistern/blob-store';
import { type CacheIndex, startLoop } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';

interface SweeperDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
}

const hourMs = 3_600_000;
/** Longer than most blobs take to arrive. */
const abandonedAfterMs = 6 * hourMs;

/** Returns `undefined` for a store that removes unfinished blobs automatically. */
export function startSweeper(deps: SweeperDeps): { close(): Promise<void> } | undefined {
  const { index, store, log } = deps;
  /**
   * Reports whether a fill of the digest exists. Its owner, or a worker that takes it over, may resume any of its
   * uploads.
   */
  const isFetched = async (digest: Digest) => (await index.fills.read(digest)) !== undefined;
  if (store.sweepUploads === undefined) return undefined;
  return startLoop(deps, {
    name: 'sweep',
    leaseMs: 30_000,
    retryMs: 60_000,
    async step() {
      const uploads = (await store.sweepUploads?.(abandonedAfterMs, isFetched)) ?? 0;
      if (uploads > 0) log.info({ uploads }, 'aborted abandoned uploads');
      return hourMs;
    },
  });
}
