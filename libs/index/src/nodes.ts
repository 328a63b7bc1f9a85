// What the nodes of a cache say of themselves, and what all of them have counted. Of those that say nothing any more nothing is
// known after a while; their counts stay.

/** By name; whole numbers that only grow. */
export type NodeCounts = Readonly<Record<string, number>>;

export interface NodeWord {
  /** Random, of one process. */
  readonly id: string;
  /** As the node gave it, of whatever release; at most some tens of KiB. */
  readonly report: string;
  /** When it said so, on the index's own clock. */
  readonly seenAtMs: number;
}

export interface NodesSeen {
  readonly nodes: readonly NodeWord[];
  /** Of all nodes there ever were since the index lost its data. */
  readonly counts: NodeCounts;
  /** `undefined`: nobody has counted anything yet. */
  readonly countedSinceMs: number | undefined;
}

export interface NodeReportOptions {
  readonly ttlMs: number;
  readonly counts: NodeCounts;
  readonly isWorker?: boolean;
}

export interface NodeIndex {
  /**
   * Takes the place of what this node said before, and is kept for `ttlMs`. `counts`: what it has counted since it last said so.
   * After a failure nobody knows whether they were added: who gives them again may count twice. `isWorker`: the node does jobs.
   */
  report(id: string, report: string, options: NodeReportOptions): Promise<void>;
  /** The node ends: it is known no more. */
  leave(id: string, counts: NodeCounts): Promise<void>;
  /**
   * How many nodes that do jobs have reported within the last nine seconds. `undefined`: none has, but the index has lost its data
   * since, so those that live may not have reported yet.
   */
  countWorkers(): Promise<number | undefined>;
  /** Those that are there now, a thousand at most, in no particular order. */
  look(): Promise<NodesSeen>;
}

export const maxNodesSeen = 1000;

/** Two reports of a quiet worker, and a little more. */
export const workerTtlMs = 9_000;
