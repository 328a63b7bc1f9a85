// The index of a configuration, made anew from its store by a process of its own.
import type { Config } from '@cistern/config';
import { type RebuildOptions, type RebuildResult, rebuildIndex } from '@cistern/pull-through';
import type { AssembleOptions } from './assemble-options.ts';
import { openAll } from './closers.ts';
import { countStoreErrors } from './count-store-errors.ts';
import { openIndex } from './open-index.ts';
import { openStore } from './open-store.ts';

export type RebuildIndexOptions = Pick<AssembleOptions, 'log' | 'metrics'> &
  Pick<RebuildOptions, 'signal' | 'onProgress'>;

/** Opens index and store and closes them. `undefined`: another process is at it. Rejects as `rebuildIndex`. */
export async function rebuildIndexOf(config: Config, options: RebuildIndexOptions): Promise<RebuildResult | undefined> {
  const { log, metrics, signal, onProgress } = options;
  const { parts, close } = await openAll(async ({ opened, closeAll }) => {
    const index = opened(await openIndex(config, { now: Date.now, log }));
    const store = opened(countStoreErrors(await openStore(config, log), metrics));
    return { parts: { index, store }, close: closeAll };
  });
  try {
    return await rebuildIndex({ ...parts, log, now: Date.now, signal, onProgress });
  } finally {
    await close();
  }
}
