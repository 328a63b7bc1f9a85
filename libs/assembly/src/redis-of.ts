// The index's Redis, for what nodes count together beside it.
import type { Config } from '@cistern/config';
import type { RedisIndex } from '@cistern/index/redis';
import type { Shared } from './open-shared.ts';

interface IndexRedis {
  readonly client: RedisIndex['client'];
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
}

/** `undefined`: this node has an index of its own. The client is the index's, which closes it. */
export function redisOf({ redis }: Pick<Config, 'redis'>, index: Shared['index']): IndexRedis | undefined {
  if (!('client' in index) || redis === undefined) return undefined;
  const { keyPrefix, commandTimeoutMs } = redis;
  return { client: index.client, keyPrefix, commandTimeoutMs };
}
