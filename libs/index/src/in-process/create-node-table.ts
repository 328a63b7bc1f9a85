// Node reports of a single process, in memory. The only node is the process itself.
import { maxNodesSeen, type NodeCounts, type NodeIndex, type ReportedNode, workerTtlMs } from '../nodes.ts';
import type { InProcessOptions } from './create-fill-table.ts';

export function createNodeTable({ now, checkAvailable }: InProcessOptions): NodeIndex {
  const nodes = new Map<string, ReportedNode & { readonly expiresAtMs: number; readonly isWorker: boolean }>();
  const counts = new Map<string, number>();
  let countedSinceMs: number | undefined;

  function add(more: NodeCounts): void {
    countedSinceMs ??= now();
    for (const [name, count] of Object.entries(more)) counts.set(name, (counts.get(name) ?? 0) + count);
  }

  function forget(): void {
    for (const [id, { expiresAtMs }] of nodes) if (expiresAtMs <= now()) nodes.delete(id);
  }

  return {
    async report(id, report, { ttlMs, counts: more, isWorker = false }) {
      checkAvailable();
      forget();
      nodes.set(id, { id, report, seenAtMs: now(), expiresAtMs: now() + ttlMs, isWorker });
      add(more);
    },
    async leave(id, more) {
      checkAvailable();
      nodes.delete(id);
      add(more);
    },
    async countWorkers() {
      checkAvailable();
      forget();
      const sinceMs = now() - workerTtlMs;
      const workers = [...nodes.values()].filter(({ isWorker, seenAtMs }) => isWorker && seenAtMs > sinceMs).length;
      const isYoung = countedSinceMs === undefined || countedSinceMs > sinceMs;
      return workers === 0 && isYoung ? undefined : workers;
    },
    async read() {
      checkAvailable();
      forget();
      const seen = [...nodes.values()].slice(0, maxNodesSeen);
      return {
        nodes: seen.map(({ id, report, seenAtMs }) => ({ id, report, seenAtMs })),
        counts: Object.fromEntries(counts),
        countedSinceMs,
      };
    },
  };
}
