// Detects losses of data in Redis by keys that are lost with the data. Each shard has such keys, because a Redis
// Cluster can replace a single lost node by an empty one (decision 0059).
import type { EpochIndex } from '../cache-index.ts';
import type { RedisParts } from './redis-parts.ts';

type Shard = RedisParts['keys']['shards'][number];

const keepMarksSeconds = 14 * 86_400;

export function createRedisEpoch({ calls, keys: { shards, rebuildMarks } }: RedisParts): EpochIndex {
  const ofAll = <T>(query: (shard: Shard, position: number) => Promise<T>) => Promise.all(shards.map(query));

  return {
    async isComplete() {
      const answers = await ofAll(({ settling, complete }) =>
        calls.command(async (client) => {
          const [since, rebuilt] = await client.mget(settling, complete);
          return since !== null && rebuilt === since;
        }),
      );
      return answers.every(Boolean);
    },
    async current() {
      return (await ofAll(({ settling }) => calls.run('settle-shard', [settling], []))).join();
    },
    marks: async (epoch) => new Set(await calls.command((client) => client.smembers(rebuildMarks(epoch)))),
    hasMark: async (epoch, name) =>
      (await calls.command((client) => client.sismember(rebuildMarks(epoch), name))) === 1,
    async mark(epoch, name) {
      await calls.command((client) => client.sadd(rebuildMarks(epoch), name));
      await calls.command((client) => client.expire(rebuildMarks(epoch), keepMarksSeconds));
    },
    async markComplete(epoch) {
      const sinces = epoch.split(',');
      const answers = await ofAll(({ settling, complete }, position) =>
        calls.run('complete-shard', [settling, complete], [sinces[position] ?? '']),
      );
      return answers.every((answer) => answer === 1);
    },
  };
}
