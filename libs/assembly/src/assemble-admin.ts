// What the admin node looks at: index and store, and a queue by which it asks workers; nothing that fetches or serves.
import type { BlobTotals } from '@cistern/cache-index';
import type { Config } from '@cistern/config';
import type { AssembleOptions } from './assemble-options.ts';
import { openAll } from './closers.ts';
import { countStoreErrors } from './count-store-errors.ts';
import { openIndex } from './open-index.ts';
import { openPrewarming, type Prewarm } from './open-prewarming.ts';
import { openQueue } from './open-queue.ts';
import { openStore } from './open-store.ts';

interface AdminAssembly {
  /** What the index says the store holds. */
  totals(): Promise<BlobTotals>;
  readonly prewarm: Prewarm;
  /** Reject when the store or the index cannot do its work now. */
  checkStore(): Promise<void>;
  checkIndex(): Promise<void>;
  close(): Promise<void>;
}

/** Rejects, with everything closed again, when a part cannot be opened. */
export function assembleAdmin(
  config: Config,
  { log, metrics }: Pick<AssembleOptions, 'log' | 'metrics'>,
): Promise<AdminAssembly> {
  return openAll(async ({ opened, closeAll }) => {
    const index = opened(await openIndex(config, { now: Date.now, log }));
    const store = opened(countStoreErrors(await openStore(config, log), metrics));
    const { queue } = opened(await openQueue(config, { log }));
    return {
      prewarm: openPrewarming(config, { index, queue }),
      totals: () => index.blobs.totals(),
      checkStore: () => store.check(),
      checkIndex: () => index.check(),
      close: closeAll,
    };
  });
}
