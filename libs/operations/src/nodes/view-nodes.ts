// Merges the reports of all nodes into one view of the cache, in the types of the admin API.
import type { NodesSeen, ReportedNode } from '@cistern/index';
import type { ActivityCounts, UpstreamActivity } from '@cistern/telemetry';
import type { ProblemReport } from './merge-problems.ts';
import type { KnownBudget } from '@cistern/upstream';
import type { Account, CacheNode, Fill } from '../api/nodes.ts';
import { type FillReport, noCounts, type NodeReport, parseReport } from './node-report.ts';

export interface NodesView {
  /** The running nodes and then those that have ended, each sorted by role and name. */
  readonly nodes: readonly CacheNode[];
  /** At most 500 fills, the oldest first. `fillsInFlight` is the number of all fills. */
  readonly fills: readonly Fill[];
  readonly fillsInFlight: number;
  /**
   * The upstreams by name. `calls` and `errors` are sums over all workers, since each worker started. `health` is the worst that
   * a worker reports.
   */
  readonly upstreams: ReadonlyMap<string, UpstreamActivity>;
  /** The budget of each account, as the upstream last reported it to any worker. */
  readonly budget: readonly Account[];
  readonly latencies: Readonly<Record<string, number>>;
  readonly counts: ActivityCounts;
  readonly countedSinceMs: number | undefined;
  /** The problems that each running node reports. */
  readonly reports: readonly ProblemReport[];
}

const maxFills = 500;
const healths = ['well', 'probed', 'failing'] as const;

export function viewNodes({ nodes: reports, ended, counts, countedSinceMs }: NodesSeen): NodesView {
  const nodes = parseReports(reports);
  const common = commonFingerprints(nodes);
  const fills = nodes.flatMap((node) => node.fills.map((fill) => describeFill(node.name, fill)));
  return {
    nodes: [
      ...nodes.map((node) => describeNode(node, common)),
      ...parseReports(ended).map((node) => ({ ...describeNode(node, common), configuration: null })),
    ],
    fills: fills.toSorted((one, other) => one.startedAt - other.startedAt).slice(0, maxFills),
    fillsInFlight: nodes.reduce((sum, { fillsInFlight }) => sum + fillsInFlight, 0),
    upstreams: mergeUpstreams(nodes),
    budget: mergeBudgets(nodes),
    latencies: mergeLatencies(nodes),
    counts: { ...noCounts, ...counts },
    countedSinceMs,
    reports: nodes.map(({ name, role, problems }) => ({ name, role, problems })),
  };
}

interface SeenNode extends NodeReport {
  readonly seenAtMs: number;
  readonly state?: 'stopped' | 'lost';
}

/** Skips reports of another schema. */
function parseReports(reports: readonly (ReportedNode & { readonly state?: 'stopped' | 'lost' })[]): SeenNode[] {
  return reports
    .flatMap(({ report, seenAtMs, state }) => {
      const parsed = parseReport(report);
      return parsed === undefined ? [] : [{ ...parsed, seenAtMs, ...(state && { state }) }];
    })
    .toSorted(byRoleAndName);
}

function describeNode(
  { id, name, role, version, inFlight, jobs, rssBytes, ...node }: SeenNode,
  common: ReadonlyMap<string, string | undefined>,
): CacheNode {
  const { load, index, store } = node;
  return {
    id,
    name,
    role,
    version,
    startedAt: node.startedAtMs,
    seenAt: node.seenAtMs,
    state: node.state ?? 'running',
    inFlight,
    jobs,
    fills: node.fillsInFlight,
    rssBytes,
    cpu: load?.cpu ?? null,
    requestsPerSecond: load?.requestsPerSecond ?? null,
    bytesPerSecond: load?.bytesPerSecond ?? null,
    index: index === undefined ? null : { kind: index.kind, ms: index.ms ?? null },
    store: store === undefined ? null : { kind: store.kind, ms: store.ms ?? null },
    configuration: describeConfiguration(node, common.get(version)),
  };
}

/** Sorts nodes for operators. */
export function byRoleAndName(
  one: Pick<NodeReport, 'role' | 'name' | 'id'>,
  other: Pick<NodeReport, 'role' | 'name' | 'id'>,
): number {
  return compare(one.role, other.role) || compare(one.name, other.name) || compare(one.id, other.id);
}

/**
 * Returns the common fingerprint of each version. Only nodes of the same version are compared, because another version may
 * have other settings or defaults.
 */
function commonFingerprints(nodes: readonly NodeReport[]): ReadonlyMap<string, string | undefined> {
  const versions = Map.groupBy(nodes, ({ version }) => version);
  return new Map([...versions].map(([version, same]) => [version, commonFingerprint(same)]));
}

/** Returns the fingerprint of more nodes than any other, or `undefined` if there is none. */
function commonFingerprint(nodes: readonly Pick<NodeReport, 'configuration'>[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { configuration } of nodes) {
    const fingerprint = configuration?.fingerprint;
    if (fingerprint !== undefined) counts.set(fingerprint, (counts.get(fingerprint) ?? 0) + 1);
  }
  const [first, second] = [...counts].toSorted(([, one], [, other]) => other - one);
  return first !== undefined && first[1] > (second?.[1] ?? 0) ? first[0] : undefined;
}

function describeConfiguration(
  { configuration }: Pick<NodeReport, 'configuration'>,
  common: string | undefined,
): CacheNode['configuration'] {
  if (configuration === undefined) return null;
  const { fingerprint, needsRestart } = configuration;
  return { differs: fingerprint !== undefined && fingerprint !== common, needsRestart };
}

function describeFill(node: string, { class: fillClass, startedAtMs: startedAt, ...fill }: FillReport): Fill {
  const { digest, upstream, repository, bytes, size = null, readers, bytesPerSecond, activity = null } = fill;
  const kind = 'blob';
  return {
    digest,
    upstream,
    repository,
    kind,
    class: fillClass,
    node,
    bytes,
    size,
    readers,
    startedAt,
    bytesPerSecond,
    activity,
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

function mergeBudgets(nodes: readonly NodeReport[]): Account[] {
  const merged = new Map<string, KnownBudget>();
  for (const one of nodes.flatMap(({ budget }) => budget)) {
    const key = JSON.stringify([one.upstream, one.endpoint, one.account, one.source]);
    const known = merged.get(key);
    const later = known === undefined || one.reportedAtMs > known.reportedAtMs ? one : known;
    const untilMs = Math.max(one.backedOffUntilMs ?? 0, known?.backedOffUntilMs ?? 0);
    merged.set(key, { ...later, backedOffUntilMs: untilMs > 0 ? untilMs : undefined });
  }
  return [...merged.values()]
    .toSorted((one, other) => compare(one.upstream, other.upstream) || compare(one.account ?? '', other.account ?? ''))
    .map(({ upstream, endpoint, reportedAtMs, windowMs, ...known }) => ({
      upstream,
      endpoint,
      account: known.account ?? null,
      source: known.source ?? null,
      limit: known.limit ?? null,
      remaining: known.remaining ?? null,
      reserve: known.reserve ?? null,
      windowSeconds: windowMs === undefined ? null : Math.round(windowMs / 1000),
      reportedAt: reportedAtMs,
      resetsAt: windowMs === undefined ? null : reportedAtMs + windowMs,
      backedOffUntil: known.backedOffUntilMs ?? null,
    }));
}

function mergeLatencies(nodes: readonly NodeReport[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const { latencies } of nodes)
    for (const [le, count] of Object.entries(latencies)) merged[le] = (merged[le] ?? 0) + count;
  return merged;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
