// What Redis has lost is found out by keys that are lost with it. Each shard has its own: it can be that of a cluster's
// node alone, which was lost and replaced by an empty one.
import type { EpochIndex } from '../epoch.ts';
import type { RedisParts } from './redis-parts.ts';
import type { ShardWatch } from './watch-shards.ts';

/** Calls to a cluster, of which each is for one slot. */
const callsAtOnce = 32;

export function createRedisEpoch({ calls, keys }: RedisParts, watch: ShardWatch): EpochIndex {
  /** What `ask` returns for groups of shards that one call may be for, in the order of the shards. */
  async function askAll<T>(ask: (shards: typeof keys.shards) => Promise<T>): Promise<T[]> {
    if (!calls.isCluster) return [await ask(keys.shards)];
    const answers: T[] = [];
    for (let first = 0; first < keys.shards.length; first += callsAtOnce) {
      const some = keys.shards.slice(first, first + callsAtOnce);
      answers.push(...(await Promise.all(some.map((shard) => ask([shard])))));
    }
    return answers;
  }

  /** Since when each shard has been settling. */
  async function settle(): Promise<string[]> {
    const sinces = await askAll(async (shards) => {
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
      const answers = await askAll(async (shards) => {
        const names = shards.flatMap(({ settling, complete }) => [settling, complete]);
        const values = await calls.command((client) => client.mget(names));
        return values.every(
          (value, position) => value !== null && (position % 2 === 0 || value === values[position - 1]),
        );
      });
      return answers.every(Boolean);
    },
    // A read that cannot be answered rejects.
    isReachable: () => true,
    async current() {
      return (await settle()).join();
    },
    async markComplete(epoch) {
      const sinces = epoch.split(',');
      const sinceOf = new Map(keys.shards.map((shard, position) => [shard, sinces[position] ?? '']));
      const answers = await askAll(async (shards) => {
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
