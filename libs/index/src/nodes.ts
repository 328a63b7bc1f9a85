// Reports of the nodes of a cache, and the sums of their counters, in total and by time. A node that stops reporting
// has ended after its TTL, and is forgotten an hour later. Its counts stay in the sums.

/** Whole numbers by the name of their counter. Counters only grow. */
export type NodeCounts = Readonly<Record<string, number>>;

export interface ReportedNode {
  /** Random id of the process. */
  readonly id: string;
  /** The text exactly as the node sent it, at most some tens of KiB. The node may run another release. */
  readonly report: string;
  /** Time of the report, by the clock of the index. */
  readonly seenAtMs: number;
}

/** A node that has ended within the last hour. */
export interface EndedNode extends ReportedNode {
  /** `stopped`: the node has left. `lost`: the node stopped reporting, so `seenAtMs` is the time of its last report. */
  readonly state: 'stopped' | 'lost';
}

export interface NodesSeen {
  readonly nodes: readonly ReportedNode[];
  /** The nodes that ended last, at most 50, in no particular order. */
  readonly ended: readonly EndedNode[];
  /** Sums over all nodes, also nodes that have ended, since the index last lost its data. */
  readonly counts: NodeCounts;
  /** Time at which the sums began. Unset means that no node has reported yet. */
  readonly countedSinceMs: number | undefined;
}

/** The sums of counts in one span of time. */
export interface HistoryBucket {
  /** The start of the bucket, a multiple of its length. */
  readonly atMs: number;
  readonly counts: NodeCounts;
}

/** The lengths of history buckets, and how long a bucket is kept. Each count is added to one bucket of each length. */
export const historyRanges = {
  '24h': { bucketMs: 5 * 60_000, keptMs: 24 * 3_600_000 },
  '30d': { bucketMs: 3_600_000, keptMs: 30 * 24 * 3_600_000 },
} as const;
export type HistoryRange = keyof typeof historyRanges;

/** Returns the starts of all buckets of a range that are kept at `nowMs`, the oldest first. */
export function bucketStarts(range: HistoryRange, nowMs: number): number[] {
  const { bucketMs, keptMs } = historyRanges[range];
  const last = bucketStart(range, nowMs);
  const count = keptMs / bucketMs;
  return Array.from({ length: count }, (_, at) => last - (count - 1 - at) * bucketMs);
}

export function bucketStart(range: HistoryRange, atMs: number): number {
  const { bucketMs } = historyRanges[range];
  return Math.floor(atMs / bucketMs) * bucketMs;
}

export interface NodeReportOptions {
  readonly ttlMs: number;
  readonly counts: NodeCounts;
  readonly isWorker?: boolean;
}

export interface NodeIndex {
  /**
   * Replaces this node's previous report and keeps it for `ttlMs`. `counts` are the node's counts since its last
   * report. After a failure it is not known whether they were added, so a repeated call may count them twice.
   * `isWorker` means that the node runs jobs.
   */
  report(id: string, report: string, options: NodeReportOptions): Promise<void>;
  /** Marks a node that is shutting down as stopped, and adds its last counts. */
  leave(id: string, counts: NodeCounts): Promise<void>;
  /**
   * Returns the number of nodes that run jobs and have reported within the last nine seconds. Returns `undefined` if no
   * worker is known, but the index is new or has just lost its data. Live workers may then not have reported yet.
   */
  countWorkers(): Promise<number | undefined>;
  /** Returns the current nodes and the sums. The nodes are at most 1,000, in no particular order. */
  read(): Promise<NodesSeen>;
  /** Returns the kept buckets with counts, the oldest first. */
  history(range: HistoryRange): Promise<HistoryBucket[]>;
}

export const maxNodesSeen = 1000;
/** How many of the nodes that have ended `read` returns, and how long they are kept. */
export const [maxEndedSeen, endedKeptMs] = [50, 3_600_000];

/**
 * Time after its last report for which a worker counts as live. This is two report intervals of an idle worker and some
 * margin.
 */
export const workerTtlMs = 9_000;
