// Node reports of a single process. They are in memory. Every change of the counts is also written to tables, which the
// next process reads.
import type { InProcessOptions } from '../in-process/create-fill-table.ts';
import { createNodeTable } from '../in-process/create-node-table.ts';
import { type HistoryBucket, type HistoryRange, historyRanges, type NodeCounts, type NodeIndex } from '../nodes.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

/** Name of the row of `node_counts` that contains the time when counting began. */
const sinceName = '';

interface Bucket {
  readonly range: HistoryRange;
  readonly atMs: number;
  readonly counts: NodeCounts | undefined;
}

export function createSqliteNodes({ database, writeBehind }: SqliteConnection, options: InProcessOptions): NodeIndex {
  const putCount = database.prepare('INSERT OR REPLACE INTO node_counts (name, count) VALUES (?, ?)');
  const putBucket = database.prepare('INSERT OR REPLACE INTO node_history (range, at_ms, counts) VALUES (?, ?, ?)');
  const removeBucket = database.prepare('DELETE FROM node_history WHERE range = ? AND at_ms = ?');
  const rows = database.prepare('SELECT name, count FROM node_counts').all();
  const { [sinceName]: countedSinceMs, ...counts } = Object.fromEntries(
    rows.map(({ name, count }) => [String(name), Number(count)]),
  );
  const written: Record<string, number> = { ...counts };
  const pendingCounts = writeBehind.table<number>((name, count) => void putCount.run(name, count));
  const pendingBuckets = writeBehind.table<Bucket>((_, { range, atMs, counts: sums }) => {
    if (sums === undefined) removeBucket.run(range, atMs);
    else putBucket.run(range, atMs, JSON.stringify(sums));
  });
  return createNodeTable({
    ...options,
    saved: {
      counts,
      countedSinceMs,
      history: Object.fromEntries(
        Object.keys(historyRanges).map((range) => [range, readBuckets(range)]),
      ) as unknown as Record<HistoryRange, HistoryBucket[]>,
    },
    onCount(sums, sinceMs) {
      for (const [name, sum] of Object.entries({ ...sums, [sinceName]: sinceMs }))
        if (written[name] !== sum) pendingCounts.set(name, (written[name] = sum));
    },
    onBucket: (range, atMs, sums) => pendingBuckets.set(`${range} ${atMs}`, { range, atMs, counts: sums }),
  });

  function readBuckets(range: string): HistoryBucket[] {
    return database
      .prepare('SELECT at_ms, counts FROM node_history WHERE range = ?')
      .all(range)
      .map(({ at_ms: atMs, counts: sums }) => ({
        atMs: Number(atMs),
        counts: JSON.parse(String(sums)) as NodeCounts,
      }));
  }
}
