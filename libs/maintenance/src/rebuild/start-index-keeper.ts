// Looks after a shared index: notices what it has lost, and rebuilds it. Every worker has one; of all of them one rebuilds.
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { runUntilClosed } from '../run-until-closed.ts';
import { type RebuildOptions, type RebuildProgress, rebuildIndex } from './rebuild-index.ts';

export type IndexKeeperOptions = Pick<RebuildOptions, 'index' | 'store' | 'log' | 'now'>;

const lookEveryMs = 5000;
const logProgressEveryMs = 10_000;

/** A rebuild under way at its close is left, for another to go on with. */
export function startIndexKeeper(options: IndexKeeperOptions): { close(): Promise<void> } {
  const { index, log } = options;

  const rebuildIfIncomplete = async (signal: AbortSignal) => {
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

  return runUntilClosed(async (signal) => {
    while (!signal.aborted) {
      try {
        await rebuildIfIncomplete(signal);
      } catch (error) {
        // An index says itself when it cannot be reached.
        if (!signal.aborted && !isCacheError(error, 'index-unavailable'))
          log.warn({ err: error }, 'the index could not be rebuilt from the store yet');
      }
      await delay(lookEveryMs, undefined, { signal }).catch(() => {});
    }
  });
}
