// Opens the index of a cluster as its nodes see it, without their local memory.
import type { Owner } from '@cistern/single-node/open-stage';
import type { CacheIndex } from '@cistern/index';
import { openRedisIndex } from '@cistern/index/redis';
import { type Cluster, commandTimeoutMs } from '@cistern/test-servers';

/** Closed with its owner. */
export async function openIndex(
  owner: Owner,
  { redis, keyPrefix }: Pick<Cluster, 'redis' | 'keyPrefix'>,
): Promise<CacheIndex> {
  const log = { warn() {}, error() {} };
  const connection = { kind: 'url', url: redis.url } as const;
  const index = await openRedisIndex({ connection, keyPrefix, commandTimeoutMs: commandTimeoutMs.patient, log });
  owner.after(() => index.close());
  return index;
}
