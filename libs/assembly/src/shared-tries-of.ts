// Where the nodes of a cluster count wrong passwords together.
import type { SharedTries } from '@cistern/auth';
import type { Config } from '@cistern/config';
import type { OpenedIndexAndStore } from './open-index-and-store.ts';
import { redisOf } from './redis-of.ts';

/** `undefined`: this node counts for itself. An operator is not a client of the same name, and a caller of an upstream neither: each `kind` is counted apart. */
export function sharedTriesOf(
  config: Pick<Config, 'cluster' | 'redis'>,
  index: OpenedIndexAndStore['index'],
  kind: 'client' | 'operator' | 'caller',
): SharedTries | undefined {
  const redis = redisOf(config, index);
  const secret = config.cluster?.secret.reveal();
  if (redis === undefined || secret === undefined) return undefined;
  const { keyPrefix } = redis;
  return { ...redis, keyPrefix: kind === 'client' ? keyPrefix : `${keyPrefix}${kind}-`, secret };
}
