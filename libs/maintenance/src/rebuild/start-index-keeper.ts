// Looks after a shared index: notices what it has lost, and rebuilds it. Every worker has one, and they rebuild side by side.
import { startLoop } from '@cistern/index';
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

  async function rebuildIfIncomplete(signal: AbortSignal): Promise<number> {
    if (await index.epoch.isComplete()) return lookEveryMs;
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
    return lookEveryMs;
  }

  let rereadMs = rereadAfterMs;
  async function reread(signal: AbortSignal): Promise<number> {
    if (!(await index.epoch.isComplete())) return rereadAfterMs;
    const left = await rereadParts({ ...options, signal });
    const pauseMs = left > 0 ? rereadMs : lookForUnreadMs;
    rereadMs = left > 0 ? Math.min(rereadMs * 2, maxRereadAfterMs) : rereadAfterMs;
    return pauseMs;
  }

  const loops = [
    startLoop(options, { name: 'rebuild', retryMs: lookEveryMs, step: rebuildIfIncomplete }),
    startLoop(options, { name: 'second reading', retryMs: rereadAfterMs, step: reread }),
  ];
  return {
    close: async () => void (await Promise.all(loops.map((loop) => loop.close()))),
  };
}
