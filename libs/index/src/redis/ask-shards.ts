// One question to all shards: one call where there is one server, some calls at a time where each is for a slot of a cluster.
import type { Keys } from './keys.ts';
import type { RedisParts } from './redis-parts.ts';

type Shards = Keys['shards'];

const callsAtOnce = 32;

/** What `ask` returns for groups of shards that one call may be for, in the order of the shards. */
export async function askShards<T>(
  { calls, keys }: Pick<RedisParts, 'calls' | 'keys'>,
  ask: (shards: Shards) => Promise<T>,
): Promise<T[]> {
  if (!calls.isCluster) return [await ask(keys.shards)];
  const answers: T[] = [];
  for (let first = 0; first < keys.shards.length; first += callsAtOnce) {
    const some = keys.shards.slice(first, first + callsAtOnce);
    answers.push(...(await Promise.all(some.map((shard) => ask([shard])))));
  }
  return answers;
}
