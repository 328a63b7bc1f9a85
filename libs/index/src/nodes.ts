// Reports of the nodes of a cache, and the sum of all counters. A node that stops reporting is forgotten after its TTL;
// its counts stay.

/** Counters by name: whole numbers that only grow. */
export type NodeCounts = Readonly<Record<string, number>>;

export interface ReportedNode {
  /** Random, one for each process. */
  readonly id: string;
  /** The report exactly as the node sent it, of any release; at most some tens of KiB. */
  readonly report: string;
  /** The time of the report by the index's own clock. */
  readonly seenAtMs: number;
}

export interface NodesSeen {
  readonly nodes: readonly ReportedNode[];
  /** Totals of all nodes, current and past, since the index last lost its data. */
  readonly counts: NodeCounts;
  /** `undefined` means that no node has counted anything yet. */
  readonly countedSinceMs: number | undefined;
}

export interface NodeReportOptions {
  readonly ttlMs: number;
  readonly counts: NodeCounts;
  readonly isWorker?: boolean;
}

export interface NodeIndex {
  /**
   * Replaces this node's previous report and keeps it for `ttlMs`. `counts` are its counts since its last report. After
   * a failure it is unknown whether they were added, so a repeated call may count twice. `isWorker` means that the node
   * runs jobs.
   */
  report(id: string, report: string, options: NodeReportOptions): Promise<void>;
  /** Removes the node, which is shutting down, and adds its last counts. */
  leave(id: string, counts: NodeCounts): Promise<void>;
  /**
   * Returns the number of nodes that run jobs and have reported within the last nine seconds. `undefined` means that
   * none has reported, but the index lost its data meanwhile, so live workers may not have reported yet.
   */
  countWorkers(): Promise<number | undefined>;
  /** Returns the current nodes, at most 1,000, in no particular order. */
  look(): Promise<NodesSeen>;
}

export const maxNodesSeen = 1000;

/** Two report intervals of an idle worker, plus some margin. */
export const workerTtlMs = 9_000;
