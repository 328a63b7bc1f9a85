// Reports the state of a node to the index: each second while the node is busy, else every few seconds. The admin API reads the
// reports from the index, and never requests them from a node. If the index is unavailable, the node continues to serve (decision
// 0039).
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '@cistern/config';
import type { FillTable } from '@cistern/fills';
import type { BudgetLedger, KnownBudget } from '@cistern/upstream';
import type { NodeContext, NodeReload, Problem, ProblemBoard } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';
import type { IndexAndStore } from '@cistern/content';
import type { NodeCounts, NodeIndex, PubSub } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type Logger, type Metrics, readActivity, readLatencies } from '@cistern/telemetry';
import { type NodeRole, type NodeIdentity, type NodeReport, noCounts, nodeName } from './node-report.ts';
import { answerReloads } from './answer-reloads.ts';
import { createFillMeter } from './measure-fills.ts';
import { createLatencyWindow, latencyCounts } from './measure-latency.ts';
import { createIndexMeter, createLoadMeter, readStoreRoundTrip } from './measure-load.ts';

interface ReportingParts extends Pick<IndexAndStore, 'index'> {
  readonly problems: Pick<ProblemBoard, 'current'>;
  readonly fills?: FillTable;
  readonly ledger?: BudgetLedger;
}

export function openReporting(
  config: Pick<Config, 'http' | 'worker' | 'admin' | 'redis' | 'storage'>,
  role: NodeRole,
  { index, problems, fills, ledger }: ReportingParts,
  { log, metrics, version, reload }: Pick<NodeContext, 'log' | 'metrics' | 'version' | 'reload'>,
  { opened }: Closers,
): void {
  const node = { id: randomUUID(), name: nodeName(config, role), role, version, startedAtMs: index.now() };
  const options = { node, nodes: index.nodes, metrics, problems, fills, budget: ledger?.known, log, now: index.now };
  const kinds = {
    index: config.redis === undefined ? 'SQLite' : 'Redis',
    store: { s3: 'S3', filesystem: 'Directory', memory: 'Memory' }[config.storage.kind],
  };
  opened(startReporting({ ...options, pubsub: index.pubsub, reload, kinds }));
}

interface ReportingOptions {
  readonly node: NodeIdentity;
  readonly nodes: NodeIndex;
  readonly metrics: Metrics;
  /** The problems of this node. */
  readonly problems: Pick<ProblemBoard, 'current'>;
  /** The fills of a worker. Unset on other nodes. */
  readonly fills?: FillTable | undefined;
  readonly budget?: (() => readonly KnownBudget[]) | undefined;
  /** Reloads the configuration when a message of `pubsub` requests it. */
  readonly reload?: NodeReload | undefined;
  readonly pubsub: PubSub;
  readonly log: Logger;
  /** How often the node checks whether it must send a report. Default: each second. */
  readonly everyMs?: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The kinds of index and store, for operators. */
  readonly kinds?: { readonly index: string; readonly store: string } | undefined;
}

interface Reporting {
  /** Sends the last counts, and marks the node as stopped. Never rejects. */
  close(): Promise<void>;
}

const checkEveryMs = 1_000;
const quietEveryMs = 4_000;
/** How long a report is valid. After this time, a node that was killed is no longer listed. */
const reportTtlMs = 12_000;

/** Sends the first report immediately. The caller closes the reporting. */
export function startReporting(options: ReportingOptions): Reporting {
  const { node, nodes, metrics, problems, fills, budget = () => [], log, everyMs = checkEveryMs, now } = options;
  const measureFills = fills && createFillMeter(fills, now);
  const latencyWindow = createLatencyWindow(now);
  const measureLoad = createLoadMeter({ role: node.role, now });
  const { index: indexKind, store: storeKind } = options.kinds ?? { index: 'SQLite', store: 'Memory' };
  const measureIndex = createIndexMeter(metrics, indexKind);
  const reloads = options.reload && answerReloads(options.reload, options.pubsub, reportNow);
  /** The counts of the last report. The next report sends only their increase. */
  let reported: NodeCounts = { ...noCounts };
  let reportedAtMs = -Infinity;
  let reportedFills = 0;
  let reportedProblems: readonly Problem[] = [];
  /** How many reports `reportNow` has requested, and how many of these requests a report has fulfilled. */
  let requested = 0;
  let fulfilled = 0;
  let isClosed = false;
  let reporting = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  async function reportNow(): Promise<void> {
    if (isClosed) return;
    requested += 1;
    await enqueueReport();
  }

  /** Reports one after the other, so that no count is reported twice. Never rejects. */
  function enqueueReport(): Promise<void> {
    reporting = reporting.then(reportIfDue).catch(warn);
    return reporting;
  }

  async function reportIfDue(): Promise<void> {
    const fulfils = requested;
    const { counts: activityCounts, ...activity } = await readActivity(metrics);
    const latencies = await readLatencies(metrics);
    const counts = { ...activityCounts, ...latencyCounts(latencies) };
    const increase = increaseOf(reported, counts);
    const fillsInFlight = fills?.size ?? 0;
    const isBusy = Object.keys(increase).length > 0 || fillsInFlight > 0 || reportedFills > 0;
    const found = problems.current();
    const isNews = !isDeepStrictEqual(found, reportedProblems);
    if (!isBusy && !isNews && fulfils === fulfilled && now() - reportedAtMs < quietEveryMs) return;
    const report: NodeReport = {
      schema: 1,
      ...node,
      ...activity,
      rssBytes: process.memoryUsage.rss(),
      fills: measureFills?.() ?? [],
      fillsInFlight,
      budget: budget(),
      latencies: latencyWindow(latencies),
      configuration: reloads?.describe(),
      problems: found,
      load: measureLoad(activityCounts),
      index: await measureIndex(),
      store: await readStoreRoundTrip(metrics, storeKind),
    };
    await nodes.report(node.id, JSON.stringify(report), {
      ttlMs: reportTtlMs,
      counts: increase,
      isWorker: fills !== undefined,
    });
    reported = counts;
    reportedAtMs = now();
    fulfilled = fulfils;
    reportedFills = fillsInFlight;
    reportedProblems = found;
  }

  async function readCounts(): Promise<NodeCounts> {
    const { counts } = await readActivity(metrics);
    return { ...counts, ...latencyCounts(await readLatencies(metrics)) };
  }

  async function reportRepeatedly(): Promise<void> {
    await enqueueReport();
    if (isClosed) return;
    timer = setTimeout(() => void reportRepeatedly(), everyMs).unref();
  }

  /** Logs a failed report. An unavailable index is not logged here, because the index itself logs it. */
  function warn(error: unknown): void {
    if (!isCacheError(error, 'index-unavailable')) log.warn({ err: error }, 'failed to write node report to index');
  }

  void reportRepeatedly();
  return {
    async close() {
      isClosed = true;
      reloads?.close();
      clearTimeout(timer);
      await reporting;
      await readCounts()
        .then((counts) => nodes.leave(node.id, increaseOf(reported, counts)))
        .catch(warn);
    },
  };
}

/** Returns only the counters that have grown. */
function increaseOf(before: NodeCounts, now: NodeCounts): NodeCounts {
  const grown = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, more]) => more > 0));
}
