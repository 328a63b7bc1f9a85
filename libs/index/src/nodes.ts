// Reports of the nodes of a cache, and the sums of their counters. A node that stops reporting is forgotten after its
// TTL. Its counts stay in the sums.

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

export interface NodesSeen {
  readonly nodes: readonly ReportedNode[];
  /** Sums over all nodes, also nodes that have ended, since the index last lost its data. */
  readonly counts: NodeCounts;
  /** Time at which the sums began. Unset means that no node has reported yet. */
  readonly countedSinceMs: number | undefined;
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
  /** Removes a node that is shutting down, and adds its last counts. */
  leave(id: string, counts: NodeCounts): Promise<void>;
  /**
   * Returns the number of nodes that run jobs and have reported within the last nine seconds. Returns `undefined` if no
   * worker is known, but the index is new or has just lost its data. Live workers may then not have reported yet.
   */
  countWorkers(): Promise<number | undefined>;
  /** Returns the current nodes and the sums. The nodes are at most 1,000, in no particular order. */
  read(): Promise<NodesSeen>;
}

export const maxNodesSeen = 1000;

/**
 * Time after its last report for which a worker counts as live. This is two report intervals of an idle worker and some
 * margin.
 */
export const workerTtlMs = 9_000;
