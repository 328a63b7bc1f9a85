// The state of the whole cache, for operators: the reports of its nodes, the jobs in its queues, and the counts of its index.
import type { Config } from '@cistern/config';
import type { QueueState } from '@cistern/jobs';
import { redactText, type UpstreamActivity } from '@cistern/telemetry';
import type { IndexAndStore } from '@cistern/content';
import type { BudgetList, CacheOverview, FillList, JobList, NodeList, ReloadAnswer } from '../api/nodes.ts';
import { latencyQuantileMs } from './measure-latency.ts';
import { reloadNodes } from './reload-nodes.ts';
import { viewNodes } from './view-nodes.ts';

/**
 * Results are cached for half a second, and the size of the store for five seconds, so that many callers cost little. All methods
 * reject with `index-unavailable`.
 */
export interface Nodes {
  overview(): Promise<CacheOverview>;
  nodes(): Promise<NodeList>;
  fills(): Promise<FillList>;
  budget(): Promise<BudgetList>;
  jobs(): Promise<JobList>;
  /** Makes all nodes read their configurations again. Resolves and rejects as `reloadNodes`. */
  reload(): Promise<ReloadAnswer>;
  /** Resolves to the activity of each upstream, by the upstream's name. */
  upstreams(): Promise<ReadonlyMap<string, UpstreamActivity>>;
}

const viewForMs = 500;
/** The totals are cached for longer, because they need one request to each shard. */
const totalsForMs = 5_000;
const maxFailures = 20;

/** `inspect` resolves to the sizes and failures of the queues. */
export function openNodes(
  { storageLimits: { maxBytes } }: Pick<Config, 'storageLimits'>,
  { index }: Pick<IndexAndStore, 'index'>,
  { inspect }: { readonly inspect: () => Promise<readonly QueueState[]> },
): Nodes {
  const view = keepFor(viewForMs, async () => viewNodes(await index.nodes.read()));
  const totals = keepFor(totalsForMs, () => index.blobs.totals());
  const queues = keepFor(viewForMs, inspect);
  return {
    async overview() {
      const [stored, { counts, countedSinceMs, latencies, fillsInFlight }] = await Promise.all([totals(), view()]);
      const { requests: total, hits, joined, stale, revalidated, misses, errors } = counts;
      const [p50, p99] = [latencyQuantileMs(latencies, 0.5), latencyQuantileMs(latencies, 0.99)];
      return {
        // The index does not count manifests separately: `blobs` includes them.
        cache: { ...stored, maxBytes: maxBytes === Infinity ? null : maxBytes, manifests: null },
        fills: fillsInFlight,
        since: countedSinceMs ?? index.now(),
        requests: { total, hits, joined, stale, revalidated, misses, errors },
        bytes: { served: counts.bytesServed, fetched: counts.bytesFetched },
        upstreamCalls: { total: counts.upstreamCalls, saved: hits + joined + stale },
        latencyMs: p50 === undefined || p99 === undefined ? null : { p50: roundMs(p50), p99: roundMs(p99) },
      };
    },
    nodes: async () => ({ nodes: (await view()).nodes }),
    async fills() {
      const { fills, fillsInFlight: total } = await view();
      return { fills, total };
    },
    budget: async () => ({ accounts: (await view()).budget }),
    jobs: async () => describeJobs(await queues()),
    reload: () => reloadNodes(index),
    upstreams: async () => (await view()).upstreams,
  };
}

function describeJobs(queues: readonly QueueState[]): JobList {
  const failures = queues.flatMap(({ name: queue, failures: failed }) =>
    failed.map(({ name, reason, atMs }) => ({ queue, name, reason: redactText(reason), at: atMs })),
  );
  return {
    queues: queues.map(({ name, waiting, active, delayed, failed, oldestAddedAtMs }) => ({
      name,
      waiting,
      active,
      delayed,
      failed,
      oldestWaitingMs: oldestAddedAtMs === undefined ? null : Math.max(0, Date.now() - oldestAddedAtMs),
    })),
    failures: failures.toSorted((one, other) => other.at - one.at).slice(0, maxFailures),
  };
}

function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/**
 * Returns a function whose callers share a result of `fetch` for `ms`. An error is not cached: only the callers that already wait
 * get it.
 */
function keepFor<T>(ms: number, fetch: () => Promise<T>): () => Promise<T> {
  let kept: { readonly answer: Promise<T>; readonly untilMs: number } | undefined;
  return () => {
    if (kept !== undefined && performance.now() < kept.untilMs) return kept.answer;
    const fetched = { answer: fetch(), untilMs: performance.now() + ms };
    kept = fetched;
    fetched.answer.catch(() => {
      if (kept === fetched) kept = undefined;
    });
    return fetched.answer;
  };
}
