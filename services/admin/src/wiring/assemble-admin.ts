// Opens the parts of an admin node: the index, the store, and the queue to which it adds jobs for workers. It opens no part that
// fetches content or serves pulls.
import type { NodeConfig } from '@cistern/config';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { createStoreHealth, openIndexAndStore, openQueue, sharedTriesOf } from '@cistern/assembly';
import { watchWorkers } from '@cistern/pull-through';
import { openAdminAccess } from './open-admin-access.ts';
import { observeWholeCache, openAudit, openOperations, openProblems, openReporting } from '@cistern/operations';

/**
 * If a part cannot be opened, it closes the other parts and then rejects. Rejects with ConfigError if the file of operators is
 * invalid.
 */
export function assembleAdmin(
  config: NodeConfig,
  options: Pick<NodeContext, 'log' | 'metrics' | 'version' | 'audit' | 'reload'>,
) {
  return openAll(async (closers) => {
    const { index, store } = await openIndexAndStore(config, { ...options, mayBeUnavailable: true }, closers);
    const { queue, inspect } = closers.opened(await openQueue(config, options));
    const access = await openAdminAccess(config, sharedTriesOf(config, index, 'operator'), options.log);
    const parts = { index, ...createStoreHealth(config, store), workers: watchWorkers(index) };
    const operations = openOperations(config, { index, store }, { queue, inspect }, options.log);
    const { nodes } = operations;
    const { own, problems } = openProblems(config, parts, { ...options, whole: { role: 'admin', nodes } }, closers);
    const roles = ['frontend', 'worker', 'admin'] as const;
    openReporting(config, 'admin', { index, problems: own }, options, closers);
    return {
      access,
      audit: openAudit(config, 'admin', { index }, options, closers),
      ...operations,
      problems,
      /** Adds the metrics of the whole cache to those of the process. */
      observe: () => observeWholeCache(options.metrics, { index }, { inspect }, { nodes, roles }),
      close: () => closers.closeAll(),
    };
  });
}
