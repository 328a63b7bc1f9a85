// What the admin node looks at: index and store, and a queue by which it asks workers; nothing that fetches or serves.
import type { BlobTotals } from '@cistern/index';
import type { Config } from '@cistern/config';
import type { LaneFacts } from '@cistern/jobs';
import type { QueueFacts } from '@cistern/telemetry';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { createStoreHealth, type StoreHealth, openIndexAndStore, openQueue, sharedTriesOf } from '@cistern/assembly';
import { type AdminAccess, openAdminAccess } from './open-admin-access.ts';
import { type Audit, openAudit, openOperations, openReporting, type Operations } from '@cistern/operations';

interface AdminAssembly extends StoreHealth, Operations {
  /** What the index says the store holds. */
  totals(): Promise<BlobTotals>;
  /** How full the queues are. */
  queues(): Promise<readonly QueueFacts[]>;
  readonly audit: Audit;
  /** Who may see and do what. */
  readonly access: AdminAccess;
  /** Rejects when the index cannot do its work now. */
  checkIndex(): Promise<void>;
  close(): Promise<void>;
}

/** Rejects, with everything closed again, when a part cannot be opened; with ConfigError for a file of operators that is none. */
export function assembleAdmin(
  config: Config,
  options: Pick<NodeContext, 'log' | 'metrics' | 'version' | 'audit'>,
): Promise<AdminAssembly> {
  return openAll(async (closers) => {
    const { index, store } = await openIndexAndStore(config, options, closers);
    const { queue, look } = closers.opened(await openQueue(config, options));
    const access = await openAdminAccess(config, sharedTriesOf(config, index, 'operator'), options.log);
    openReporting(config, 'admin', { index }, options, closers);
    return {
      access,
      audit: openAudit(config, 'admin', { index }, options, closers),
      ...openOperations(config, { index, store }, { queue, look }, options.log),
      queues: async () => (await look()).map(queueFacts),
      totals: () => index.blobs.totals(),
      ...createStoreHealth(config, store),
      checkIndex: () => index.check(),
      close: () => closers.closeAll(),
    };
  });
}

function queueFacts({ lane: queue, oldestAddedAtMs, waiting, active, failed }: LaneFacts): QueueFacts {
  const waitedMs = oldestAddedAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestAddedAtMs);
  return { queue, waiting, active, failed, oldestWaitingSeconds: waitedMs / 1000 };
}
