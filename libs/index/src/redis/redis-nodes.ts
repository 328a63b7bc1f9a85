// What nodes say of themselves: a hash of it, a sorted set of when each is to be forgotten, and a hash of what all have counted.
import { maxNodesSeen, type NodeCounts, type NodeIndex, type NodeWord } from '../nodes.ts';
import { pairs } from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

/** The field of the counts that says since when they are counted. */
const sinceField = '';

export function createRedisNodes({ calls, keys }: RedisParts): NodeIndex {
  const { reports, ends, counts: countsKey } = keys.nodes;
  const all = [reports, ends, countsKey];

  async function report(id: string, text: string, ttlMs: number, counts: NodeCounts): Promise<void> {
    await calls.run('report-node', all, [id, text, Math.ceil(ttlMs), ...Object.entries(counts).flat()]);
  }

  return {
    report: async (id, text, { ttlMs, counts }) => report(id, text, Math.max(1, ttlMs), counts),
    leave: async (id, counts) => report(id, '', 0, counts),
    async look() {
      const [counted, reported] = (await calls.run('look-at-nodes', all, [maxNodesSeen])) as [string[], string[]];
      const { [sinceField]: sinceMs, ...counts } = Object.fromEntries(
        pairs(counted).map(([name, count]) => [name, Number(count)]),
      );
      return { nodes: pairs(reported).flatMap(toWord), counts, countedSinceMs: sinceMs };
    },
  };
}

function toWord([id, stored]: readonly [string, string]): NodeWord[] {
  const at = stored.indexOf(' ');
  return at <= 0 ? [] : [{ id, report: stored.slice(at + 1), seenAtMs: Number(stored.slice(0, at)) }];
}
