// The index: shared in Redis by the nodes of a cluster, else this process's own. Of the adapters only the one that is wanted is
// loaded.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CacheIndex } from '@cistern/index';
import type { RedisIndex } from '@cistern/index/redis';
import type { Config } from '@cistern/config';
import type { IndexMetrics, Logger } from '@cistern/telemetry';
import { redisConnectionOf } from './redis-connection-of.ts';

/** Rejects with `index-unavailable`. The caller closes it. */
export async function openIndex(
  { storage, redis }: Pick<Config, 'storage' | 'redis'>,
  { now, log, metrics }: { readonly now: () => number; readonly log: Logger; readonly metrics: IndexMetrics },
): Promise<CacheIndex | RedisIndex> {
  if (redis !== undefined) {
    const { openRedisIndex } = await import('@cistern/index/redis');
    const { keyPrefix, commandTimeoutMs } = redis;
    const connection = redisConnectionOf(redis.connection);
    const onCall = (durationMs: number, isAnswered: boolean) =>
      metrics.indexCallDuration.observe({ result: isAnswered ? 'answered' : 'failed' }, durationMs / 1000);
    return openRedisIndex({ connection, keyPrefix, commandTimeoutMs, log, onCall });
  }
  const { openSqliteIndex } = await import('@cistern/index/sqlite');
  return openSqliteIndex({ path: sqlitePath(storage), now, log });
}

/** Beside the blobs, so that one directory is the whole cache; of a bucket, where nothing else takes it for its own. */
function sqlitePath(storage: Config['storage']): string {
  if (storage.kind === 'memory') return ':memory:';
  if (storage.kind === 'filesystem') return join(storage.rootDirectory, 'cistern', 'index.sqlite');
  // What an index says was verified was so in one store.
  const { endpoint, bucket, rootDirectory, indexDirectory } = storage;
  const store = createHash('sha256')
    .update(JSON.stringify([endpoint, bucket, rootDirectory]))
    .digest('hex');
  return join(indexDirectory, 'cistern', `index-${store.slice(0, 12)}.sqlite`);
}
