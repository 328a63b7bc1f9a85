// A node says how it is: each second while it does something, else every few seconds. Whoever watches asks the index, never the
// node; and a node whose index is away goes on without it (decision 0039).
import type { NodeIndex } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type ActivityCounts, type Logger, type Metrics, readActivity, readLatencies } from '@cistern/telemetry';
import type { KnownBudget } from '@cistern/upstream';
import type { FillTable } from '@cistern/fills';
import { createFillMeter } from './measure-fills.ts';
import { createLatencyWindow } from './measure-latency.ts';
import type { NodeIdentity, NodeReport } from './node-report.ts';

export interface ReportingOptions {
  readonly node: NodeIdentity;
  readonly nodes: NodeIndex;
  readonly metrics: Metrics;
  /** Of a node that works. */
  readonly fills?: FillTable | undefined;
  readonly budget?: (() => readonly KnownBudget[]) | undefined;
  readonly log: Logger;
  /** How often it looks whether there is something to say; default: a second. */
  readonly everyMs?: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Reporting {
  /** Says that the node ends. Never rejects. */
  close(): Promise<void>;
}

const lookEveryMs = 1_000;
const quietEveryMs = 4_000;
/** Of a node that was killed nothing is known so long after its last word. */
const reportTtlMs = 12_000;

const noCounts: ActivityCounts = {
  requests: 0,
  hits: 0,
  joined: 0,
  stale: 0,
  revalidated: 0,
  misses: 0,
  errors: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamCalls: 0,
};

/** The first word is said at once. */
export function startReporting(options: ReportingOptions): Reporting {
  const { node, nodes, metrics, fills, budget = () => [], log, everyMs = lookEveryMs, now } = options;
  const measureFills = fills && createFillMeter(fills, now);
  const latencyWindow = createLatencyWindow(now);
  /** What the index knows that this node has counted. */
  let told = noCounts;
  let toldAtMs = -Infinity;
  let toldFills = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    const { counts, ...activity } = await readActivity(metrics);
    const increase = increaseOf(told, counts);
    const fillsInFlight = fills?.size ?? 0;
    const isBusy = Object.keys(increase).length > 0 || fillsInFlight > 0 || toldFills > 0;
    if (!isBusy && now() - toldAtMs < quietEveryMs) return;
    const report: NodeReport = {
      schema: 1,
      ...node,
      ...activity,
      rssBytes: process.memoryUsage.rss(),
      fills: measureFills?.() ?? [],
      fillsInFlight,
      budget: budget(),
      latencies: latencyWindow(await readLatencies(metrics)),
    };
    await nodes.report(node.id, JSON.stringify(report), { ttlMs: reportTtlMs, counts: increase });
    told = counts;
    toldAtMs = now();
    toldFills = fillsInFlight;
  }

  async function lookAgainAndAgain(): Promise<void> {
    await look().catch(warn);
    if (isClosed) return;
    timer = setTimeout(() => {
      looking = lookAgainAndAgain();
    }, everyMs).unref();
  }

  /** An index says itself when it cannot be reached. */
  function warn(error: unknown): void {
    if (!isCacheError(error, 'index-unavailable')) log.warn({ err: error }, 'a node could not say how it is');
  }

  let looking = lookAgainAndAgain();
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await looking;
      await readActivity(metrics)
        .then(({ counts }) => nodes.leave(node.id, increaseOf(told, counts)))
        .catch(warn);
    },
  };
}

/** Only of what has grown. */
function increaseOf(before: ActivityCounts, now: ActivityCounts): Partial<Record<keyof ActivityCounts, number>> {
  const names = Object.keys(now) as (keyof ActivityCounts)[];
  return Object.fromEntries(
    names.filter((name) => now[name] > before[name]).map((name) => [name, now[name] - before[name]]),
  );
}
