// What Redis has lost is found out by keys that are lost with it. Each shard has its own: it can be that of a cluster's
// node alone, which was lost and replaced by an empty one.
import type { EpochIndex } from '../epoch.ts';
import type { RedisParts } from './redis-parts.ts';
import type { ShardWatch } from './watch-shards.ts';

export function createRedisEpoch({ calls, keys }: RedisParts, watch: ShardWatch): EpochIndex {
  const settlingKeys = keys.shards.map(({ settling }) => settling);
  const completeKeys = keys.shards.map(({ complete }) => complete);

  /** A cluster takes keys of different slots one by one only. */
  async function getAll(names: readonly string[], onAnswer?: (names: readonly string[]) => void) {
    const ask = async (asked: readonly string[]) => {
      const values = await calls.command((client) => client.mget([...asked]));
      onAnswer?.(asked);
      return values;
    };
    if (!calls.isCluster) return ask(names);
    return (await Promise.all(names.map((name) => ask([name])))).flat();
  }

  /** Since when each shard has been settling. */
  async function settle(): Promise<string[]> {
    const sinces = await getAll(settlingKeys, watch.answered);
    return Promise.all(
      settlingKeys.map(async (key, shard) => sinces[shard] ?? String(await calls.run('settle-shard', [key], []))),
    );
  }

  return {
    async settle() {
      await settle();
    },
    async isComplete() {
      const [sinces, completes] = await Promise.all([getAll(settlingKeys), getAll(completeKeys)]);
      return completes.every((since, shard) => since !== null && since === sinces[shard]);
    },
    async current() {
      return (await settle()).join();
    },
    async markComplete(epoch) {
      const sinces = epoch.split(',');
      const marked = await Promise.all(
        keys.shards.map(async ({ settling, complete }, shard) =>
          calls.run('complete-shard', [settling, complete], [sinces[shard] ?? '']),
        ),
      );
      return marked.every((result) => result === 1);
    },
  };
}
