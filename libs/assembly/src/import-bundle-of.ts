// A bundle into the cache of a configuration, beside whatever runs on it; a cache of one process has to be stopped.
import type { Config } from '@cistern/config';
import { importBundle, type ImportOptions, type ImportResult } from '@cistern/bundles';
import { createUpstreamTable, resolveImage } from '@cistern/upstream';
import type { NodeContext } from '@cistern/runtime/process';
import { withIndexAndStore } from './with-index-and-store.ts';

export type ImportBundleOptions = Pick<NodeContext, 'log' | 'metrics'> &
  Pick<ImportOptions, 'path' | 'overwrite' | 'signal' | 'onProgress'>;

/** Opens index and store and closes them. Rejects as `importBundle`. */
export function importBundleOf(config: Config, options: ImportBundleOptions): Promise<ImportResult> {
  const table = createUpstreamTable(config.upstreams);
  const resolve = (name: string) => resolveImage(table, name);
  return withIndexAndStore(config, options, (opened) =>
    importBundle({ ...options, ...opened, resolve, now: Date.now }),
  );
}
