// The metrics of the whole cache. Only one process of a cache has them, because all would report the same values.
import type { IndexAndStore } from '@cistern/content';
import type { QueueState } from '@cistern/jobs';
import { type Metrics, observeCache, observeJobs, type QueueFacts } from '@cistern/telemetry';

/** Adds the metrics to the registry. `inspect` resolves to the sizes of the queues. */
export function observeWholeCache(
  { registry }: Pick<Metrics, 'registry'>,
  { index }: Pick<IndexAndStore, 'index'>,
  { inspect }: { readonly inspect: () => Promise<readonly QueueState[]> },
): void {
  observeCache(registry, { totals: () => index.blobs.totals() });
  observeJobs(registry, async () => (await inspect()).map((state) => queueFacts(state, index.now())));
}

function queueFacts({ name: queue, oldestAddedAtMs, ...state }: QueueState, nowMs: number): QueueFacts {
  const { waiting, active, failed } = state;
  const waitedMs = oldestAddedAtMs === undefined ? 0 : Math.max(0, nowMs - oldestAddedAtMs);
  return { queue, waiting, active, failed, oldestWaitingSeconds: waitedMs / 1000 };
}
