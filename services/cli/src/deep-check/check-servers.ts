// Checks the Redis and the bucket of a configuration: whether they are reachable and suitable, and accept writes.
import { randomUUID } from 'node:crypto';
import { redisConnectionOf } from '@cistern/assembly';
import type { Config, RedisConfig } from '@cistern/config';
import { isCacheError } from '@cistern/errors';
import type { RedisIndex } from '@cistern/index/redis';
import type { Logger } from '@cistern/telemetry';
import { describeRedis } from '../node/describe-config.ts';
import { type Check, checkOf, type Finding, ok, warn } from './finding.ts';

export function serverChecks({ redis, storage }: Config, log: Logger): readonly Check[] {
  const checks: Check[] = [];
  if (redis !== undefined) checks.push(checkOf('redis', () => withFix(checkRedis(redis, log), redisFix)));
  if (storage.kind === 's3') checks.push(checkOf('storage.s3', () => withFix(checkBucket(storage, log), bucketFix)));
  return checks;
}

const redisFix = 'Check redis.addrs, the account and redis.tls, and that Redis runs.';
const bucketFix = 'Check storage.s3.regionendpoint, the keys, and the policy of the bucket.';

/** Adds the fix to a failure of the connection. Other errors name their own fix. */
async function withFix(finding: Promise<Finding>, fix: string): Promise<Finding> {
  try {
    return await finding;
  } catch (error) {
    if (!isCacheError(error) || /; (?:set|configure) /.test(error.message)) throw error;
    throw new Error(`${error.message} ${fix}`, { cause: error });
  }
}

async function checkRedis(redis: RedisConfig, log: Logger): Promise<Finding> {
  const { openRedisIndex } = await import('@cistern/index/redis');
  const index = await openRedisIndex({ ...redis, connection: redisConnectionOf(redis), log });
  try {
    await index.check();
    const version = await versionOf(index);
    await tryWriting(index, `${redis.keyPrefix}check:${randomUUID()}`);
    return ok('redis', `${describeRedis(redis)}: version ${version}, noeviction, a key was written and removed`);
  } finally {
    await index.close();
  }
}

async function versionOf({ client }: RedisIndex): Promise<string> {
  const info = await client.info('server');
  return /^redis_version:(.*?)\r?$/m.exec(info)?.[1] ?? 'unknown';
}

async function tryWriting({ client }: RedisIndex, key: string): Promise<void> {
  try {
    await client.set(key, '1', 'PX', 60_000);
    await client.del(key);
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith('OOM'))
      throw new Error('It is full (maxmemory), so it accepts no writes. Raise its maxmemory.', { cause: error });
    if (message.startsWith('NOPERM'))
      throw new Error(
        `The user of redis.username may not write keys with the prefix of redis.keyprefix: ${message}. Change its ACL.`,
        { cause: error },
      );
    throw error;
  }
}

async function checkBucket(
  storage: Extract<Config['storage'], { readonly kind: 's3' }>,
  log: Logger,
): Promise<Finding> {
  const { checkS3Bucket } = await import('@cistern/blob-store/s3');
  const exists = await checkS3Bucket({ ...storage, secretKey: storage.secretKey.reveal(), log });
  const where = `bucket ${storage.bucket} at ${storage.endpoint}`;
  if (exists) return ok('storage.s3', `${where}: an object was written, read and removed`);
  if (storage.createBucket) return warn('storage.s3', `${where} does not exist. The first node creates it.`);
  throw new Error(`${where} does not exist. Create it, or set storage.s3.createbucket: true.`);
}
