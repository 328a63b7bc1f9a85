// Detects that a shared index has lost data, and rebuilds it. Every worker has a keeper, and they rebuild in parallel.
import { startLoop } from '@cistern/index';
import { type RebuildOptions, type RebuildProgress, rebuildIndex, rereadParts } from './rebuild-index.ts';

export type IndexKeeperOptions = Pick<RebuildOptions, 'index' | 'store' | 'log' | 'now'>;

const checkEveryMs = 5000;
const logProgressEveryMs = 10_000;
/** First pause before unreadable objects are read again. It doubles with each try, up to an hour. */
const rereadAfterMs = 60_000;
const maxRereadAfterMs = 3_600_000;
/** Interval while this worker knows no unreadable objects. Another worker may have left some. */
const checkForUnreadMs = 300_000;

/** Closing interrupts a rebuild under way; another worker continues it. */
export function startIndexKeeper(options: IndexKeeperOptions): { close(): Promise<void> } {
  const { index, log } = options;

  async function rebuildIfIncomplete(signal: AbortSignal): Promise<number> {
    if (await index.epoch.isComplete()) return checkEveryMs;
    let loggedAtMs = performance.now();
    const onProgress = (progress: RebuildProgress) => {
      if (progress.step === 'done' || performance.now() - loggedAtMs < logProgressEveryMs) return;
      loggedAtMs = performance.now();
      log.info(progress, 'rebuilding index from store');
    };
    const result = await rebuildIndex({ ...options, signal, onProgress });
    if (!result.isComplete) log.warn(result, 'index lost data during rebuild, rebuilding again');
    // The index of a new cache is also incomplete. Its store is empty, or has what the first pull has just recorded.
    else if (result.blobsAdded + result.tagsAdded + result.failed > 0) log.info(result, 'rebuilt index from store');
    return checkEveryMs;
  }

  let rereadMs = rereadAfterMs;
  async function reread(signal: AbortSignal): Promise<number> {
    if (!(await index.epoch.isComplete())) return rereadAfterMs;
    const left = await rereadParts({ ...options, signal });
    const pauseMs = left > 0 ? rereadMs : checkForUnreadMs;
    rereadMs = left > 0 ? Math.min(rereadMs * 2, maxRereadAfterMs) : rereadAfterMs;
    return pauseMs;
  }

  const loops = [
    startLoop(options, { name: 'rebuild', retryMs: checkEveryMs, step: rebuildIfIncomplete }),
    startLoop(options, { name: 'reread', retryMs: rereadAfterMs, step: reread }),
  ];
  return {
    close: async () => void (await Promise.all(loops.map((loop) => loop.close()))),
  };
}
