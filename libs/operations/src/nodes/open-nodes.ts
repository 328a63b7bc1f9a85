// The state of the whole cache, for operators: the reports of its nodes, the jobs in its queues, and the counts of its index.
import type { Config } from '@cistern/config';
import type { QueueState } from '@cistern/jobs';
import { redactText, type UpstreamActivity } from '@cistern/telemetry';
import { isCacheError } from '@cistern/errors';
import type { IndexAndStore } from '@cistern/content';
import type { HistoryRange } from '@cistern/index';
import type { BudgetList, CacheOverview, FillList, History, JobList, NodeList, ReloadAnswer } from '../api/nodes.ts';
import { latencyQuantileMs } from './measure-latency.ts';
import { reloadNodes } from './reload-nodes.ts';
import { viewHistory } from './view-history.ts';
import { type NodesView, viewNodes } from './view-nodes.ts';

/**
 * Results are cached for half a second, the size of the store for five seconds, and the history for ten. So many callers cost
 * little. While the index is unavailable, the last results are returned. Only `jobs`, `history` and `reload` then reject with
 * `index-unavailable`.
 */
export interface Nodes {
  /** Resolves to the last view of all nodes. It is not current while the index is unavailable. */
  view(): Promise<SeenView>;
  overview(): Promise<CacheOverview>;
  nodes(): Promise<NodeList>;
  fills(): Promise<FillList>;
  /** Resolves to the counts by time. */
  history(range: HistoryRange): Promise<History>;
  budget(): Promise<BudgetList>;
  jobs(): Promise<JobList>;
  /** Makes all nodes read their configurations again. Resolves and rejects as `reloadNodes`. */
  reload(): Promise<ReloadAnswer>;
  /** Resolves to the activity of each upstream, by the upstream's name. */
  upstreams(): Promise<ReadonlyMap<string, UpstreamActivity>>;
}

export interface SeenView {
  readonly view: NodesView;
  /** When the nodes were read, in milliseconds since the epoch. */
  readonly asOfMs: number;
  readonly isCurrent: boolean;
}

const viewForMs = 500;
/** The totals are cached for longer, because they need one request to each shard. */
const totalsForMs = 5_000;
/** The history is cached for longer, because it has a thousand buckets, which change slowly. */
const historyForMs = 10_000;
const maxFailures = 20;

/** `inspect` resolves to the sizes and failures of the queues. */
export function openNodes(
  { storageLimits: { maxBytes } }: Pick<Config, 'storageLimits'>,
  { index }: Pick<IndexAndStore, 'index'>,
  { inspect }: { readonly inspect: () => Promise<readonly QueueState[]> },
): Nodes {
  const seen = orLast(
    { view: viewNodes({ nodes: [], ended: [], counts: {}, countedSinceMs: undefined }), asOfMs: 0 },
    keepFor(viewForMs, async () => ({ view: viewNodes(await index.nodes.read()), asOfMs: index.now() })),
  );
  const view = async () => (await seen()).value.view;
  const totals = orLast(
    { blobs: 0, bytes: 0 },
    keepFor(totalsForMs, () => index.blobs.totals()),
  );
  const queues = keepFor(viewForMs, inspect);
  const readHistory = (range: HistoryRange) =>
    keepFor(historyForMs, async () => viewHistory(range, await index.nodes.history(range), index.now()));
  const histories = { '24h': readHistory('24h'), '30d': readHistory('30d') };
  return {
    async view() {
      const { value, isCurrent } = await seen();
      return { ...value, isCurrent };
    },
    async overview() {
      const [{ value: stored }, { value, isCurrent }] = await Promise.all([totals(), seen()]);
      const { counts, countedSinceMs, latencies, fillsInFlight } = value.view;
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
        view: { asOf: value.asOfMs === 0 ? null : value.asOfMs, isCurrent },
        latencyMs: p50 === undefined || p99 === undefined ? null : { p50: roundMs(p50), p99: roundMs(p99) },
      };
    },
    nodes: async () => ({ nodes: (await view()).nodes }),
    async fills() {
      const { fills, fillsInFlight: total } = await view();
      return { fills, total };
    },
    history: (range) => histories[range](),
    budget: async () => ({ accounts: (await view()).budget }),
    jobs: async () => describeJobs(await queues()),
    reload: () => reloadNodes(index),
    upstreams: async () => (await view()).upstreams,
  };
}

function describeJobs(queues: readonly QueueState[]): JobList {
  const failed = queues.flatMap(({ name: queue, failures }) =>
    failures.map(({ name, reason, atMs }) => ({ queue, name, reason: redactText(reason), atMs })),
  );
  const groups = Map.groupBy(failed, ({ queue, name, reason }) => JSON.stringify([queue, name, reason]));
  const failures = [...groups.values()].map((equal) => {
    const { queue, name, reason } = equal[0]!;
    return { queue, name, reason, count: equal.length, at: Math.max(...equal.map(({ atMs }) => atMs)) };
  });
  return {
    queues: queues.map(({ name, waiting, active, delayed, failed: failedCount, oldestAddedAtMs }) => ({
      name,
      waiting,
      active,
      delayed,
      failed: failedCount,
      oldestWaitingMs: oldestAddedAtMs === undefined ? null : Math.max(0, Date.now() - oldestAddedAtMs),
    })),
    failures: failures.toSorted((one, other) => other.at - one.at).slice(0, maxFailures),
  };
}

function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/**
 * Returns a function that resolves to the result of `read`, or to its last result while the index is unavailable. Before the first
 * result it resolves to `first`. Rejects with other errors.
 */
function orLast<T>(
  first: T,
  read: () => Promise<T>,
): () => Promise<{ readonly value: T; readonly isCurrent: boolean }> {
  let last = first;
  return async () => {
    try {
      last = await read();
      return { value: last, isCurrent: true };
    } catch (error) {
      if (!isCacheError(error, 'index-unavailable')) throw error;
      return { value: last, isCurrent: false };
    }
  };
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
