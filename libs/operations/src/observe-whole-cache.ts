// The metrics of the whole cache. Only one process of a cache has them, because all would report the same values.
import type { IndexAndStore } from '@cistern/content';
import type { QueueState } from '@cistern/jobs';
import { type Metrics, observeCache, observeJobs, observeNodes, type QueueFacts } from '@cistern/telemetry';
import type { NodeRole } from './nodes/node-report.ts';
import type { Nodes } from './nodes/open-nodes.ts';

/** Adds the metrics to the registry. `inspect` resolves to the sizes of the queues. `roles` are those of the nodes of the cache. */
export function observeWholeCache(
  { registry }: Pick<Metrics, 'registry'>,
  { index }: Pick<IndexAndStore, 'index'>,
  { inspect }: { readonly inspect: () => Promise<readonly QueueState[]> },
  { nodes, roles }: { readonly nodes: Pick<Nodes, 'view'>; readonly roles: readonly NodeRole[] },
): void {
  observeNodes(registry, roles, async () => {
    const { view, isCurrent } = await nodes.view();
    if (!isCurrent) throw new Error('the index is unavailable');
    return view.nodes.filter(({ state }) => state === 'running');
  });
  observeCache(registry, { totals: () => index.blobs.totals() });
  observeJobs(registry, async () => (await inspect()).map((state) => queueFacts(state, index.now())));
}

function queueFacts({ name: queue, oldestAddedAtMs, ...state }: QueueState, nowMs: number): QueueFacts {
  const { waiting, active, failed } = state;
  const waitedMs = oldestAddedAtMs === undefined ? 0 : Math.max(0, nowMs - oldestAddedAtMs);
  return { queue, waiting, active, failed, oldestWaitingSeconds: waitedMs / 1000 };
}
