// Tries the Redis and the bucket of a configuration. Changes nothing but a probe key and a probe object, which are removed.
import { randomUUID } from 'node:crypto';
import type { Config, RedisConfig } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import { redisConnectionOf } from './redis-of.ts';

/**
 * Checks that Redis is suitable, and writes and removes a key. Resolves to its version. Rejects with `index-unavailable`,
 * or with an Error that names the fix if Redis accepts no writes.
 */
export async function probeRedis(redis: RedisConfig, log: Logger): Promise<string> {
  const { openRedisIndex } = await import('@cistern/index/redis');
  const index = await openRedisIndex({ ...redis, connection: redisConnectionOf(redis), log });
  const { client } = index;
  try {
    await index.check();
    const info = await client.info('server');
    const key = `${redis.keyPrefix}check:${randomUUID()}`;
    await client.set(key, '1', 'PX', 60_000).catch(explainRefusal);
    await client.del(key).catch(explainRefusal);
    return /^redis_version:(.*?)\r?$/m.exec(info)?.[1] ?? 'unknown';
  } finally {
    await index.close();
  }
}

function explainRefusal(cause: Error): never {
  const { message } = cause;
  if (message.startsWith('OOM'))
    throw new Error('It is full (maxmemory), so it accepts no writes. Raise its maxmemory.', { cause });
  if (message.startsWith('NOPERM'))
    throw new Error(`The account may not write keys with redis.keyprefix: ${message}. Change its ACL.`, { cause });
  throw cause;
}

type S3Config = Extract<Config['storage'], { readonly kind: 's3' }>;

/**
 * Writes, reads and removes an object. Resolves to false if the bucket does not exist; it is not created. Rejects with
 * `store-unavailable`.
 */
export async function probeBucket(storage: S3Config, log: Logger): Promise<boolean> {
  const { checkS3Bucket } = await import('@cistern/blob-store/s3');
  return checkS3Bucket({ ...storage, secretKey: storage.secretKey.reveal(), log });
}
