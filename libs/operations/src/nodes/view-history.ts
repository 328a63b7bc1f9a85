// Turns the buckets of counts into the series that the console draws.
import { type HistoryBucket, type HistoryRange, historyRanges } from '@cistern/index';
import type { History, HistoryPoint } from '../api/nodes.ts';
import { latenciesOf, latencyQuantileMs } from './measure-latency.ts';
import { noCounts } from './node-report.ts';

/** The points have equal distances, from the first bucket with counts to the current one. */
export function viewHistory(range: HistoryRange, buckets: readonly HistoryBucket[], nowMs: number): History {
  const { bucketMs } = historyRanges[range];
  const points: HistoryPoint[] = [];
  const byTime = new Map(buckets.map(({ atMs, counts }) => [atMs, counts]));
  for (let at = buckets[0]?.atMs ?? Infinity; at <= nowMs; at += bucketMs)
    points.push(viewPoint(at, byTime.get(at) ?? {}));
  return { range, asOf: nowMs, bucketMs, points };
}

function viewPoint(at: number, counts: HistoryBucket['counts']): HistoryPoint {
  const { requests, hits, joined, stale, revalidated, misses, errors, ...rest } = { ...noCounts, ...counts };
  const latencies = latenciesOf(counts);
  return {
    at,
    requests,
    hits,
    joined,
    stale,
    revalidated,
    misses,
    errors,
    bytesServed: rest.bytesServed,
    bytesFetched: rest.bytesFetched,
    upstreamCalls: rest.upstreamCalls,
    p50: roundMs(latencyQuantileMs(latencies, 0.5)),
    p99: roundMs(latencyQuantileMs(latencies, 0.99)),
  };
}

function roundMs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
