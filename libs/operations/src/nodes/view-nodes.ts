// The whole cache, out of what its nodes say.
import type { NodesSeen } from '@cistern/index';
import type { ActivityCounts, UpstreamActivity } from '@cistern/telemetry';
import type { KnownBudget } from '@cistern/upstream';
import { type FillReport, type NodeReport, parseReport } from './node-report.ts';

interface SeenNode extends NodeReport {
  readonly seenAtMs: number;
}

interface SeenFill extends FillReport {
  /** The name of the node that fetches. */
  readonly node: string;
}

export interface NodesView {
  /** By role and name. */
  readonly nodes: readonly SeenNode[];
  /** The oldest first, at most some hundreds; of how many in all. */
  readonly fills: readonly SeenFill[];
  readonly fillsInFlight: number;
  /** As the workers have seen them since they began: the worst that any of them says. */
  readonly upstreams: ReadonlyMap<string, UpstreamActivity>;
  /** What was told last of each account. */
  readonly budget: readonly KnownBudget[];
  readonly latencies: Readonly<Record<string, number>>;
  readonly counts: ActivityCounts;
  readonly countedSinceMs: number | undefined;
}

const maxFills = 500;
const healths = ['well', 'probed', 'failing'] as const;

export function viewNodes({ nodes: words, counts, countedSinceMs }: NodesSeen): NodesView {
  const nodes = words
    .flatMap(({ report, seenAtMs }): SeenNode[] => {
      const parsed = parseReport(report);
      return parsed === undefined ? [] : [{ ...parsed, seenAtMs }];
    })
    .toSorted(
      (one, other) => compare(one.role, other.role) || compare(one.name, other.name) || compare(one.id, other.id),
    );
  const fills = nodes.flatMap((node) => node.fills.map((fill) => ({ ...fill, node: node.name })));
  return {
    nodes,
    fills: fills.toSorted((one, other) => one.startedAtMs - other.startedAtMs).slice(0, maxFills),
    fillsInFlight: nodes.reduce((sum, { fillsInFlight }) => sum + fillsInFlight, 0),
    upstreams: mergeUpstreams(nodes),
    budget: mergeBudgets(nodes),
    latencies: mergeLatencies(nodes),
    counts: countsOf(counts),
    countedSinceMs,
  };
}

function mergeUpstreams(nodes: readonly NodeReport[]): Map<string, UpstreamActivity> {
  const merged = new Map<string, UpstreamActivity>();
  for (const one of nodes.flatMap(({ upstreams }) => upstreams)) {
    const known = merged.get(one.name);
    const worst = Math.max(healths.indexOf(one.health), healths.indexOf(known?.health ?? 'well'));
    merged.set(one.name, {
      name: one.name,
      calls: one.calls + (known?.calls ?? 0),
      errors: one.errors + (known?.errors ?? 0),
      health: healths[worst] ?? 'well',
    });
  }
  return merged;
}

function mergeBudgets(nodes: readonly NodeReport[]): KnownBudget[] {
  const merged = new Map<string, KnownBudget>();
  for (const one of nodes.flatMap(({ budget }) => budget)) {
    const key = JSON.stringify([one.upstream, one.endpoint, one.account, one.source]);
    const known = merged.get(key);
    const later = known === undefined || one.toldAtMs > known.toldAtMs ? one : known;
    const untilMs = Math.max(one.backedOffUntilMs ?? 0, known?.backedOffUntilMs ?? 0);
    merged.set(key, { ...later, backedOffUntilMs: untilMs > 0 ? untilMs : undefined });
  }
  return [...merged.values()].toSorted(
    (one, other) => compare(one.upstream, other.upstream) || compare(one.account ?? '', other.account ?? ''),
  );
}

function mergeLatencies(nodes: readonly NodeReport[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const { latencies } of nodes)
    for (const [le, count] of Object.entries(latencies)) merged[le] = (merged[le] ?? 0) + count;
  return merged;
}

function countsOf(counts: NodesSeen['counts']): ActivityCounts {
  const of = (name: keyof ActivityCounts) => counts[name] ?? 0;
  return {
    requests: of('requests'),
    hits: of('hits'),
    joined: of('joined'),
    stale: of('stale'),
    revalidated: of('revalidated'),
    misses: of('misses'),
    errors: of('errors'),
    bytesServed: of('bytesServed'),
    bytesFetched: of('bytesFetched'),
    upstreamCalls: of('upstreamCalls'),
  };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
