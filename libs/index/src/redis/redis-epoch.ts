// What Redis has lost is found out by keys that are lost with it. Each shard has its own: it can be that of a cluster's
// node alone, which was lost and replaced by an empty one (decision 0015).
import type { EpochIndex } from '../cache-index.ts';
import { queryShards } from './redis-calls.ts';
import type { RedisParts } from './redis-parts.ts';
import type { ShardWatch } from './redis-fills.ts';

export function createRedisEpoch({ calls, keys }: RedisParts, watch: ShardWatch): EpochIndex {
  /** Since when each shard has been settling. */
  async function settle(): Promise<string[]> {
    const sinces = await queryShards(calls, keys.shards, async (shards) => {
      const names = shards.map(({ settling }) => settling);
      const known = await calls.command((client) => client.mget(names));
      watch.answered(names);
      return known.includes(null) ? ((await calls.run('settle-shards', names, [])) as string[]) : (known as string[]);
    });
    return sinces.flat();
  }

  return {
    async settle() {
      await settle();
    },
    async isComplete() {
      const answers = await queryShards(calls, keys.shards, async (shards) => {
        const names = shards.flatMap(({ settling, complete }) => [settling, complete]);
        const values = await calls.command((client) => client.mget(names));
        return values.every(
          (value, position) => value !== null && (position % 2 === 0 || value === values[position - 1]),
        );
      });
      return answers.every(Boolean);
    },
    async current() {
      return (await settle()).join();
    },
    async markComplete(epoch) {
      const sinces = epoch.split(',');
      const sinceOf = new Map(keys.shards.map((shard, position) => [shard, sinces[position] ?? '']));
      const answers = await queryShards(calls, keys.shards, async (shards) => {
        const names = shards.flatMap(({ settling, complete }) => [settling, complete]);
        return calls.run(
          'complete-shards',
          names,
          shards.map((shard) => sinceOf.get(shard) ?? ''),
        );
      });
      return answers.every((answer) => answer === 1);
    },
  };
}
