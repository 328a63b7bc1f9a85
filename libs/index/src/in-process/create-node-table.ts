// Node reports of a single process, in memory. The only node is the process itself. The caller can save the counts, so
// that they survive the process.
import {
  bucketStart,
  bucketStarts,
  endedKeptMs,
  type HistoryBucket,
  type HistoryRange,
  historyRanges,
  maxEndedSeen,
  maxNodesSeen,
  type NodeCounts,
  type NodeIndex,
  type ReportedNode,
  workerTtlMs,
} from '../nodes.ts';
import type { InProcessOptions } from './create-fill-table.ts';

export interface NodeTableOptions extends InProcessOptions {
  readonly saved?: {
    readonly counts: NodeCounts;
    readonly countedSinceMs: number | undefined;
    readonly history: Readonly<Record<HistoryRange, readonly HistoryBucket[]>>;
  };
  /** Called after the sums have changed, with all sums. */
  readonly onCount?: (counts: NodeCounts, countedSinceMs: number) => void;
  /** Called after a bucket has changed. `undefined` means that the bucket was removed, because its time is over. */
  readonly onBucket?: (range: HistoryRange, atMs: number, counts: NodeCounts | undefined) => void;
}

interface KeptNode extends ReportedNode {
  readonly expiresAtMs: number;
  readonly isWorker: boolean;
  readonly hasLeft?: boolean;
}

const ranges = Object.keys(historyRanges) as HistoryRange[];

export function createNodeTable(options: NodeTableOptions): NodeIndex {
  const { now, checkAvailable, saved, onCount = () => {}, onBucket = () => {} } = options;
  const nodes = new Map<string, KeptNode>();
  let counts = saved?.counts ?? {};
  let countedSinceMs = saved?.countedSinceMs;
  const bucketsOf = (range: HistoryRange) => new Map(saved?.history[range].map((one) => [one.atMs, one.counts]));
  const history = { '24h': bucketsOf('24h'), '30d': bucketsOf('30d') };

  function add(more: NodeCounts): void {
    countedSinceMs ??= now();
    counts = sumOf(counts, more);
    onCount(counts, countedSinceMs);
    if (Object.keys(more).length > 0) for (const range of ranges) addToBucket(range, more);
  }

  function addToBucket(range: HistoryRange, more: NodeCounts): void {
    const buckets = history[range];
    const atMs = bucketStart(range, now());
    const sum = sumOf(buckets.get(atMs) ?? {}, more);
    buckets.set(atMs, sum);
    onBucket(range, atMs, sum);
    const firstMs = bucketStarts(range, now())[0]!;
    for (const old of buckets.keys()) {
      if (old >= firstMs) continue;
      buckets.delete(old);
      onBucket(range, old, undefined);
    }
  }

  function forget(): void {
    for (const [id, { expiresAtMs }] of nodes) if (expiresAtMs + endedKeptMs <= now()) nodes.delete(id);
  }

  const isLive = ({ expiresAtMs }: KeptNode) => expiresAtMs > now();

  return {
    async report(id, report, { ttlMs, counts: more, isWorker = false }) {
      checkAvailable();
      forget();
      nodes.set(id, { id, report, seenAtMs: now(), expiresAtMs: now() + ttlMs, isWorker });
      add(more);
    },
    async leave(id, more) {
      checkAvailable();
      const node = nodes.get(id);
      if (node !== undefined && node.hasLeft !== true)
        nodes.set(id, { ...node, seenAtMs: now(), expiresAtMs: now(), hasLeft: true });
      add(more);
    },
    async countWorkers() {
      checkAvailable();
      const sinceMs = now() - workerTtlMs;
      const workers = [...nodes.values()].filter((one) => one.isWorker && isLive(one) && one.seenAtMs > sinceMs).length;
      const isYoung = countedSinceMs === undefined || countedSinceMs > sinceMs;
      return workers === 0 && isYoung ? undefined : workers;
    },
    async read() {
      checkAvailable();
      forget();
      const [seen, ended] = [true, false].map((live) => [...nodes.values()].filter((one) => isLive(one) === live));
      return {
        nodes: seen!.slice(0, maxNodesSeen).map(({ id, report, seenAtMs }) => ({ id, report, seenAtMs })),
        ended: ended!
          .toSorted((one, other) => other.expiresAtMs - one.expiresAtMs)
          .slice(0, maxEndedSeen)
          .map(({ id, report, seenAtMs, hasLeft }) => ({ id, report, seenAtMs, state: hasLeft ? 'stopped' : 'lost' })),
        counts: { ...counts },
        countedSinceMs,
      };
    },
    async history(range) {
      checkAvailable();
      const firstMs = bucketStarts(range, now())[0]!;
      return [...history[range]]
        .filter(([atMs]) => atMs >= firstMs)
        .map(([atMs, sum]) => ({ atMs, counts: sum }))
        .toSorted((one, other) => one.atMs - other.atMs);
    },
  };
}

function sumOf(one: NodeCounts, more: NodeCounts): NodeCounts {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
