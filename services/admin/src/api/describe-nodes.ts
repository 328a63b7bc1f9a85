// The reports of the nodes, as the API answers them. Times are milliseconds since 1970.
import { type Decisions, latencyQuantileMs, type Nodes } from '@cistern/operations';
import { redactText } from '@cistern/telemetry';
import type { BudgetList } from './budget.ts';
import { checkParts, type PartChecks } from './check-parts.ts';
import type { UpstreamList } from './decisions.ts';
import type { JobList } from './jobs.ts';
import type { FillList, NodeList, Overview } from './nodes.ts';

const maxFailures = 20;

/** The state of the whole cache, and its counters since its index began to count. Rejects with `index-unavailable`. */
export async function describeOverview(nodes: Nodes, version: string, checks: PartChecks): Promise<Overview> {
  const [states, totals, { counts, countedSinceMs, latencies, fillsInFlight }] = await Promise.all([
    checkParts(checks),
    nodes.totals(),
    nodes.view(),
  ]);
  const { requests: total, hits, joined, stale, revalidated, misses, errors } = counts;
  const p50 = latencyQuantileMs(latencies, 0.5);
  const p99 = latencyQuantileMs(latencies, 0.99);
  return {
    version,
    ...states,
    // Manifests are blobs here, and are not counted apart.
    cache: { ...totals, maxBytes: nodes.maxBytes ?? null, manifests: null },
    fills: fillsInFlight,
    since: countedSinceMs ?? Date.now(),
    requests: { total, hits, joined, stale, revalidated, misses, errors },
    bytes: { served: counts.bytesServed, fetched: counts.bytesFetched },
    upstreamCalls: { total: counts.upstreamCalls, saved: hits + joined + stale },
    latencyMs: p50 === undefined || p99 === undefined ? null : { p50: roundMs(p50), p99: roundMs(p99) },
  };
}

/** Rejects with `index-unavailable`. */
export async function describeNodes(nodes: Nodes): Promise<NodeList> {
  const seen = (await nodes.view()).nodes;
  return {
    nodes: seen.map(({ id, name, role, version, startedAtMs, seenAtMs, inFlight, jobs, fillsInFlight, rssBytes }) => ({
      id,
      name,
      role,
      version,
      startedAt: startedAtMs,
      seenAt: seenAtMs,
      inFlight,
      jobs,
      fills: fillsInFlight,
      rssBytes,
    })),
  };
}

/** The oldest first. Rejects with `index-unavailable`. */
export async function describeFills(nodes: Nodes): Promise<FillList> {
  const { fills, fillsInFlight } = await nodes.view();
  return {
    fills: fills.map(({ digest, upstream, repository, class: fillClass, node, size, startedAtMs, ...fill }) => ({
      digest,
      upstream,
      repository,
      kind: 'blob',
      class: fillClass,
      node,
      bytes: fill.bytes,
      size: size ?? null,
      readers: fill.readers,
      startedAt: startedAtMs,
      bytesPerSecond: fill.bytesPerSecond,
    })),
    total: fillsInFlight,
  };
}

/** Rejects as `Decisions.upstreams`. Without the reports of workers their facts are null. */
export async function describeUpstreams(
  decisions: Pick<Decisions, 'upstreams'>,
  nodes: Pick<Nodes, 'view'>,
): Promise<UpstreamList> {
  const [states, seen] = await Promise.all([
    decisions.upstreams(),
    nodes.view().then(
      ({ upstreams }) => upstreams,
      () => undefined,
    ),
  ]);
  return {
    upstreams: states.map((state) => {
      const { health = null, calls = null, errors = null } = seen?.get(state.name) ?? {};
      return { ...state, health, calls, errors };
    }),
  };
}

/** Rejects with `index-unavailable`. */
export async function describeBudget(nodes: Pick<Nodes, 'view'>): Promise<BudgetList> {
  const { budget } = await nodes.view();
  return {
    accounts: budget.map(({ upstream, endpoint, toldAtMs, windowMs, ...account }) => ({
      upstream,
      endpoint,
      account: account.account ?? null,
      source: account.source ?? null,
      limit: account.limit ?? null,
      remaining: account.remaining ?? null,
      reserve: account.reserve ?? null,
      windowSeconds: windowMs === undefined ? null : Math.round(windowMs / 1000),
      toldAt: toldAtMs,
      resetsAt: windowMs === undefined ? null : toldAtMs + windowMs,
      backedOffUntil: account.backedOffUntilMs ?? null,
    })),
  };
}

/** Rejects with `index-unavailable`. */
export async function describeJobs(nodes: Pick<Nodes, 'queues'>): Promise<JobList> {
  const lanes = await nodes.queues();
  const failures = lanes.flatMap(({ lane, failures: failed }) =>
    failed.map(({ name, reason, atMs }) => ({ queue: lane, name, reason: redactText(reason), at: atMs })),
  );
  return {
    queues: lanes.map(({ lane, waiting, active, delayed, failed, oldestAddedAtMs }) => ({
      name: lane,
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
