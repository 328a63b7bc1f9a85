// The index's Redis, for what nodes count together beside it.
import type { Config } from '@cistern/config';
import type { RedisIndex } from '@cistern/cache-index/redis';
import type { Shared } from './open-shared.ts';

/** `undefined`: this node has an index of its own. The client is the index's, which closes it. */
export function redisOf(
  { redis }: Pick<Config, 'redis'>,
  index: Shared['index'],
): { readonly client: RedisIndex['client']; readonly keyPrefix: string } | undefined {
  return 'client' in index && redis ? { client: index.client, keyPrefix: redis.keyPrefix } : undefined;
}
