// Looks after a shared index: notices what it has lost, and rebuilds it. Every worker has one, and they rebuild side by side.
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { runUntilClosed } from '../run-until-closed.ts';
import { type RebuildOptions, type RebuildProgress, rebuildIndex, rereadParts } from './rebuild-index.ts';

export type IndexKeeperOptions = Pick<RebuildOptions, 'index' | 'store' | 'log' | 'now'>;

const lookEveryMs = 5000;
const logProgressEveryMs = 10_000;
/** Objects that a rebuild could not read are read again after this time, then after twice as long, up to an hour. */
const rereadAfterMs = 60_000;
const maxRereadAfterMs = 3_600_000;
/** Another worker may have rebuilt. */
const lookForUnreadMs = 300_000;

/** A rebuild under way at its close is left, for another to go on with. */
export function startIndexKeeper(options: IndexKeeperOptions): { close(): Promise<void> } {
  const { index, log } = options;

  /** `action` resolves to the pause after it, in milliseconds. */
  const repeat = async (signal: AbortSignal, pauseMs: number, action: () => Promise<number>) => {
    for (let nextMs = pauseMs; !signal.aborted;) {
      try {
        nextMs = await action();
      } catch (error) {
        // An index says itself when it cannot be reached.
        if (!signal.aborted && !isCacheError(error, 'index-unavailable'))
          log.warn({ err: error }, 'the index could not be rebuilt from the store yet');
      }
      await delay(nextMs, undefined, { signal }).catch(() => {});
    }
  };

  const rebuildIfIncomplete = async (signal: AbortSignal) => {
    if (await index.epoch.isComplete()) return;
    let loggedAtMs = performance.now();
    const onProgress = (progress: RebuildProgress) => {
      if (progress.step === 'done' || performance.now() - loggedAtMs < logProgressEveryMs) return;
      loggedAtMs = performance.now();
      log.info(progress, 'the index is being rebuilt from the store');
    };
    const result = await rebuildIndex({ ...options, signal, onProgress });
    if (!result.isComplete) log.warn(result, 'the index lost data while it was rebuilt: it is rebuilt again');
    // A new cache has nothing to tell.
    else if (result.blobs > 0) log.info(result, 'the index was rebuilt from the store');
  };

  let rereadMs = rereadAfterMs;
  const reread = async (signal: AbortSignal) => {
    if (!(await index.epoch.isComplete())) return rereadAfterMs;
    const left = await rereadParts({ ...options, signal });
    const pauseMs = left > 0 ? rereadMs : lookForUnreadMs;
    rereadMs = left > 0 ? Math.min(rereadMs * 2, maxRereadAfterMs) : rereadAfterMs;
    return pauseMs;
  };

  return runUntilClosed((signal) =>
    Promise.all([
      repeat(signal, lookEveryMs, async () => {
        await rebuildIfIncomplete(signal);
        return lookEveryMs;
      }),
      repeat(signal, rereadAfterMs, () => reread(signal)),
    ]),
  );
}
