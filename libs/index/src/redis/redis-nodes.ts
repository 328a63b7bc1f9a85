// Node reports in Redis. They need a hash of reports, sorted sets of the expiry times of reports and workers, and a
// hash of the sums of counts.
import { maxNodesSeen, type NodeIndex, type NodeReportOptions, type ReportedNode, workerTtlMs } from '../nodes.ts';
import { pairs } from './record-format.ts';
import type { RedisClock } from './redis-clock.ts';
import type { RedisParts } from './redis-parts.ts';

/** Field of the hash `counts` that contains the time when counting began. */
const sinceField = '';

/** Updates `clock` with each response to a report. */
export function createRedisNodes({ calls, keys }: RedisParts, clock: RedisClock): NodeIndex {
  const { reports, ends, counts: countsKey, workers } = keys.nodes;
  const all = [reports, ends, countsKey];

  async function report(
    id: string,
    text: string,
    { ttlMs, counts, isWorker = false }: NodeReportOptions,
  ): Promise<void> {
    const times = [Math.ceil(ttlMs), isWorker ? workerTtlMs : 0];
    const args = [id, text, ...times, ...Object.entries(counts).flat()];
    await clock.sync(() => calls.run('report-node', [...all, workers], args));
  }

  return {
    report: async (id, text, options) => report(id, text, { ...options, ttlMs: Math.max(1, options.ttlMs) }),
    leave: async (id, counts) => report(id, '', { ttlMs: 0, counts }),
    async countWorkers() {
      const counted = await calls.run('count-workers', [workers, countsKey, reports, ends], [workerTtlMs]);
      return counted === null ? undefined : Number(counted);
    },
    async read() {
      const [counted, reported] = (await calls.run('list-nodes', all, [maxNodesSeen])) as [string[], string[]];
      const { [sinceField]: sinceMs, ...counts } = Object.fromEntries(
        pairs(counted).map(([name, count]) => [name, Number(count)]),
      );
      return { nodes: pairs(reported).flatMap(toReportedNode), counts, countedSinceMs: sinceMs };
    },
  };
}

function toReportedNode([id, stored]: readonly [string, string]): ReportedNode[] {
  const at = stored.indexOf(' ');
  return at <= 0 ? [] : [{ id, report: stored.slice(at + 1), seenAtMs: Number(stored.slice(0, at)) }];
}
