// Opens the parts of an admin node: the index, the store, and the queue to which it adds jobs for workers. It opens no part that
// fetches content or serves pulls.
import type { BlobTotals } from '@cistern/index';
import type { NodeConfig } from '@cistern/config';
import type { QueueState } from '@cistern/jobs';
import type { QueueFacts } from '@cistern/telemetry';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { createStoreHealth, openIndexAndStore, openQueue, sharedTriesOf } from '@cistern/assembly';
import { watchWorkers } from '@cistern/pull-through';
import { openAdminAccess } from './open-admin-access.ts';
import { openAudit, openOperations, openReporting } from '@cistern/operations';

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
    openReporting(config, 'admin', { index }, options, closers);
    return {
      access,
      audit: openAudit(config, 'admin', { index }, options, closers),
      ...openOperations(config, { index, store }, { queue, inspect }, options.log),
      queues: async () => (await inspect()).map(queueFacts),
      totals: (): Promise<BlobTotals> => index.blobs.totals(),
      ...createStoreHealth(config, store),
      checkIndex: () => index.check(),
      checkWorkers: watchWorkers(index).assertAlive,
      close: () => closers.closeAll(),
    };
  });
}

function queueFacts({ name: queue, oldestAddedAtMs, waiting, active, failed }: QueueState): QueueFacts {
  const waitedMs = oldestAddedAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestAddedAtMs);
  return { queue, waiting, active, failed, oldestWaitingSeconds: waitedMs / 1000 };
}
