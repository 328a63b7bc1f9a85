// The index of a configuration, made anew from its store by a process of its own.
import type { Config } from '@cistern/config';
import { type RebuildOptions, type RebuildResult, rebuildIndex } from '@cistern/maintenance';
import type { NodeContext } from '@cistern/runtime/process';
import { withIndexAndStore } from './with-index-and-store.ts';

export type RebuildIndexOptions = Pick<NodeContext, 'log' | 'metrics'> & Pick<RebuildOptions, 'signal' | 'onProgress'>;

/** Opens index and store and closes them. `undefined`: another process is at it. Rejects as `rebuildIndex`. */
export function rebuildIndexOf(config: Config, options: RebuildIndexOptions): Promise<RebuildResult | undefined> {
  const { log, signal, onProgress } = options;
  return withIndexAndStore(config, options, (opened) =>
    rebuildIndex({ ...opened, log, now: Date.now, signal, onProgress }),
  );
}
