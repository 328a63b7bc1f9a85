// What the nodes of the cache say, as operators are told it. Times are milliseconds since 1970.
import { latencyQuantileMs, type Nodes } from '@cistern/assembly';

import { checkParts, type PartChecks } from './check-parts.ts';

/** How the cache as a whole is, and what it has done since its index began to count. Rejects with `index-unavailable`. */
export async function describeOverview(nodes: Nodes, version: string, checks: PartChecks) {
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
export async function describeNodes(nodes: Nodes) {
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
export async function describeFills(nodes: Nodes) {
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

function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}
