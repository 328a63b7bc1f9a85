// Looks after a shared index: notices what it has lost, and rebuilds it. Every worker has one; of all of them one rebuilds.
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { type RebuildOptions, type RebuildProgress, rebuildIndex } from './rebuild-index.ts';

export type IndexKeeperOptions = Pick<RebuildOptions, 'index' | 'store' | 'log' | 'now'>;

export interface IndexKeeper {
  /** Resolves when it does nothing any more; a rebuild under way is left, for another to go on with. */
  close(): Promise<void>;
}

/** As often as fills in flight say that they are alive. */
const settleEveryMs = 1000;
const lookEveryMs = 3000;
const logProgressEveryMs = 10_000;

export function startIndexKeeper(options: IndexKeeperOptions): IndexKeeper {
  const { index, log } = options;
  const closing = new AbortController();
  const { signal } = closing;

  const every = async (ms: number, action: () => Promise<void>) => {
    while (!signal.aborted) {
      try {
        await action();
      } catch (error) {
        // An index says itself when it cannot be reached.
        if (!signal.aborted && !isCacheError(error, 'index-unavailable'))
          log.warn({ err: error }, 'the index could not be rebuilt from the store yet');
      }
      await delay(ms, undefined, { signal }).catch(() => {});
    }
  };

  const rebuildIfIncomplete = async () => {
    if (await index.epoch.isComplete()) return;
    let loggedAtMs = performance.now();
    const onProgress = (progress: RebuildProgress) => {
      if (progress.step === 'done' || performance.now() - loggedAtMs < logProgressEveryMs) return;
      loggedAtMs = performance.now();
      log.info(progress, 'the index is being rebuilt from the store');
    };
    const result = await rebuildIndex({ ...options, signal, onProgress });
    if (result?.isComplete === false) log.warn(result, 'the index lost data while it was rebuilt: it is rebuilt again');
    // A new cache has nothing to tell.
    else if (result !== undefined && result.blobs > 0) log.info(result, 'the index was rebuilt from the store');
  };

  const running = [every(settleEveryMs, () => index.epoch.settle()), every(lookEveryMs, rebuildIfIncomplete)];
  return {
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}
