// Node reports in Redis. They need a hash of reports, and sorted sets of the expiry times of reports and workers. The sums
// of counts are a hash. Each bucket of the history is a hash that expires.
import {
  bucketStart,
  bucketStarts,
  type EndedNode,
  endedKeptMs,
  type HistoryRange,
  historyRanges,
  maxEndedSeen,
  maxNodesSeen,
  type NodeCounts,
  type NodeIndex,
  type NodeReportOptions,
  type ReportedNode,
  workerTtlMs,
} from '../nodes.ts';
import { inPieces } from './redis-calls.ts';
import { pairs } from './record-format.ts';
import type { RedisClock } from './redis-clock.ts';
import type { RedisParts } from './redis-parts.ts';

/** Field of the hash `counts` that contains the time when counting began. */
const sinceField = '';
const stopped = 'stopped ';
const ranges = Object.keys(historyRanges) as HistoryRange[];

/** Updates `clock` with each response to a report. */
export function createRedisNodes({ calls, keys }: RedisParts, clock: RedisClock): NodeIndex {
  const { reports, ends, counts: countsKey, workers, history } = keys.nodes;
  const all = [reports, ends, countsKey];

  async function report(
    id: string,
    text: string,
    { ttlMs, counts, isWorker = false }: NodeReportOptions,
  ): Promise<void> {
    const times = [Math.ceil(ttlMs), isWorker ? workerTtlMs : 0, endedKeptMs];
    const args = [id, text, ...times, ...ranges.map((range) => historyRanges[range].keptMs)];
    // The buckets are chosen by the clock of Redis as this process knows it, so that the script gets all of its keys.
    const buckets = ranges.map((range) => history(range, bucketStart(range, clock.now())));
    await clock.sync(() =>
      calls.run('report-node', [...all, workers, ...buckets], [...args, ...Object.entries(counts).flat()]),
    );
  }

  return {
    report: async (id, text, options) => report(id, text, { ...options, ttlMs: Math.max(1, options.ttlMs) }),
    leave: async (id, counts) => report(id, '', { ttlMs: 0, counts }),
    async countWorkers() {
      const counted = await calls.run('count-workers', [workers, countsKey, reports, ends], [workerTtlMs]);
      return counted === null ? undefined : Number(counted);
    },
    async read() {
      const answer = await calls.run('list-nodes', all, [maxNodesSeen, endedKeptMs, maxEndedSeen]);
      const [counted, reported, ended] = answer as [string[], string[], string[]];
      const { [sinceField]: sinceMs, ...counts } = toCounts(counted);
      return {
        nodes: pairs(reported).flatMap(toReportedNode),
        ended: pairs(ended).flatMap(toEndedNode),
        counts,
        countedSinceMs: sinceMs,
      };
    },
    async history(range) {
      const starts = bucketStarts(range, clock.now());
      const pieces = inPieces(starts).map(async (some) =>
        calls.run(
          'read-hashes',
          some.map((atMs) => history(range, atMs)),
          [],
        ),
      );
      const found = (await Promise.all(pieces)).flat() as string[][];
      return starts
        .map((atMs, at) => ({ atMs, counts: toCounts(found[at] ?? []) }))
        .filter(({ counts }) => Object.keys(counts).length > 0);
    },
  };
}

function toCounts(flat: readonly string[]): NodeCounts {
  return Object.fromEntries(pairs(flat).map(([name, count]) => [name, Number(count)]));
}

function toReportedNode([id, stored]: readonly [string, string]): ReportedNode[] {
  const at = stored.indexOf(' ');
  return at <= 0 ? [] : [{ id, report: stored.slice(at + 1), seenAtMs: Number(stored.slice(0, at)) }];
}

function toEndedNode([id, stored]: readonly [string, string]): EndedNode[] {
  const hasLeft = stored.startsWith(stopped);
  const [node] = toReportedNode([id, hasLeft ? stored.slice(stopped.length) : stored]);
  return node === undefined ? [] : [{ ...node, state: hasLeft ? 'stopped' : 'lost' }];
}
