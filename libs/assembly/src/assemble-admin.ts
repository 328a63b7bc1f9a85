// What the admin node looks at: index and store, and a queue by which it asks workers; nothing that fetches or serves.
import type { BlobTotals } from '@cistern/cache-index';
import type { Config } from '@cistern/config';
import type { LaneFacts } from '@cistern/jobs';
import type { QueueFacts } from '@cistern/telemetry';
import type { NodeContext } from '@cistern/process';
import { openAll } from './closers.ts';
import { createStoreHealth, type StoreHealth } from './create-store-health.ts';
import { openIndexAndStore } from './open-index-and-store.ts';
import { type AdminAccess, openAdminAccess } from './open-admin-access.ts';
import { type Audit, openAudit } from './open-audit.ts';
import { openPrewarming, type Prewarm } from './open-prewarming.ts';
import { type Images, openImages } from './images/open-images.ts';
import { type Nodes, openNodes } from './open-nodes.ts';
import { type Decisions, openDecisions } from './open-decisions.ts';
import { openUpkeep, type Upkeep } from './open-upkeep.ts';
import { openReporting } from './open-reporting.ts';
import { openQueue } from './open-queue.ts';
import { sharedTriesOf } from './shared-tries-of.ts';

interface AdminAssembly extends StoreHealth {
  /** What the index says the store holds. */
  totals(): Promise<BlobTotals>;
  /** How full the queues are. */
  queues(): Promise<readonly QueueFacts[]>;
  readonly nodes: Nodes;
  readonly prewarm: Prewarm;
  readonly upkeep: Upkeep;
  readonly decisions: Decisions;
  readonly images: Images;
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
      nodes: openNodes(config, { index }, { look }),
      upkeep: openUpkeep(config, { index, store }, options.log),
      decisions: openDecisions(config, { index, store }),
      images: openImages(config, { index, store, queue }),
      prewarm: openPrewarming(config, { index, queue }),
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
