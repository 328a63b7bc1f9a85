// Runs commands on index and store in a process that neither serves nor fetches. The nodes of a cluster can run at the
// same time. A single-process cache must be stopped first, except for commands on robot tokens.
import { openRobotTokens, type RobotTokens, sealRobots } from '@cistern/auth';
import type { ImportOptions, ImportResult } from '@cistern/bundles';
import type { Config } from '@cistern/config';
import { type RebuildOptions, type RebuildResult, rebuildIndex } from '@cistern/maintenance';
import { openAll } from '@cistern/runtime';
import type { NodeContext } from '@cistern/runtime/process';
import type { Logger } from '@cistern/telemetry';
import { createUpstreamTable, resolveImage } from '@cistern/upstream';
import { type OpenedIndexAndStore, openIndexAndStore, openStore } from './open-index-and-store.ts';

/**
 * Opens index and store, runs `action` and closes both. Resolves and rejects like `action`. Also rejects with
 * `index-unavailable` or `store-unavailable`.
 */
async function withIndexAndStore<T>(
  config: Config,
  options: Pick<NodeContext, 'log' | 'metrics'>,
  action: (opened: OpenedIndexAndStore) => Promise<T>,
): Promise<T> {
  const { opened, close } = await openAll(async (closers) => ({
    opened: await openIndexAndStore(config, { ...options, mayBeUnavailable: false }, closers),
    close: () => closers.closeAll(),
  }));
  try {
    return await action(opened);
  } finally {
    await close();
  }
}

export type ImportBundleOptions = Pick<NodeContext, 'log' | 'metrics'> &
  Pick<ImportOptions, 'path' | 'overwrite' | 'signal' | 'onProgress'>;

/** Imports a bundle into the cache of a configuration. Rejects like `importBundle`. */
export async function importBundleOf(config: Config, options: ImportBundleOptions): Promise<ImportResult> {
  const { importBundle } = await import('@cistern/bundles');
  const table = createUpstreamTable(config.upstreams);
  const resolve = (name: string) => resolveImage(table, name);
  return withIndexAndStore(config, options, (opened) =>
    importBundle({ ...options, ...opened, resolve, now: opened.index.now }),
  );
}

export type RebuildIndexOptions = Pick<NodeContext, 'log' | 'metrics'> & Pick<RebuildOptions, 'signal' | 'onProgress'>;

/** Rebuilds the index of a configuration from its store. Rejects like `rebuildIndex`. */
export function rebuildIndexOf(config: Config, options: RebuildIndexOptions): Promise<RebuildResult> {
  const { log, signal, onProgress } = options;
  return withIndexAndStore(config, options, (opened) =>
    rebuildIndex({ ...opened, log, now: opened.index.now, signal, onProgress }),
  );
}

/**
 * Runs `action` with the robot tokens in a configuration's store. Nodes can run at the same time. Rejects with
 * `store-unavailable`.
 */
export async function withRobotTokens<T>(
  config: Config,
  log: Logger,
  action: (tokens: RobotTokens) => Promise<T>,
): Promise<T> {
  const store = await openStore(config, { log, mayBeUnavailable: false });
  try {
    return await action(openRobotTokens(sealRobots(store, config)));
  } finally {
    await store.close();
  }
}
